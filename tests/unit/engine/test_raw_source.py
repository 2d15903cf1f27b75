"""RawSource: payloads become jobs, and whatever gets lost on the way, no payload does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.status import Status
from mrq.engine.raw_settings import raw_settings, served_settings
from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from unit.engine.kit import MODULE, NOW
from unit.engine.rawkit import RawBench

if TYPE_CHECKING:
    from unit.engine.kit import ManualClock, Moody


@pytest.fixture
def bench(store: Moody, clock: ManualClock) -> RawBench:
    return RawBench(store, clock)


def with_factory(store: Moody, clock: ManualClock, job_factory: Any, root: str = "a_raw") -> RawBench:
    return RawBench(store, clock, table={root: {"job_factory": job_factory}})


# ---- from payload to job


def test_payloads_become_started_jobs(bench: RawBench) -> None:
    bench.fill("a_raw", b"one", b"two")
    assert bench.take("a_raw") == 2
    assert bench.payloads() == ["one", "two"]
    job = bench.runs[0].job
    assert (job.path, job.queue, job.datequeued, job.datestarted) == (f"{MODULE}.Job", "retries", NOW, NOW)
    assert job.raw is not None
    assert (job.raw.queue, job.raw.payload, job.raw.stored) == ("a_raw", b"one", True)
    documents = bench.documents()
    assert [d["status"] for d in documents] == ["started", "started"]
    assert {d["raw_queue"] for d in documents} == {"a_raw"}
    assert bench.held("a_raw") == [], "MongoDB has them"
    assert not bench.state.open_takes


def test_jobs_that_are_not_stored_are_held(bench: RawBench) -> None:
    bench.fill("fast_raw", b"one", b"two")
    assert bench.take("fast_raw", 1) == 1
    assert bench.payloads() == ["one"]
    assert bench.held("fast_raw") == [b"one"]
    assert bench.jobs.calls == [], "MongoDB is not asked"


def test_text_is_given_as_text_and_other_bytes_as_bytes(bench: RawBench) -> None:
    bench.fill("a_raw", "ü".encode(), b"\xff")
    bench.take("a_raw")
    assert bench.payloads() == ["ü", b"\xff"]


def test_an_empty_queue_gives_nothing(bench: RawBench) -> None:
    assert bench.take("a_raw") == 0
    assert not bench.state.open_takes
    assert bench.jobs.calls == []


def test_a_payload_that_lost_workers_is_stored_even_where_none_is(bench: RawBench) -> None:
    bench.fill("fast_raw", b"poison", b"good")
    for _ in range(2):
        bench.take("fast_raw")
        bench.rescuer.release("fast_raw", bench.state.worker, {bench.runs[-2].job.id})
        bench.runs.clear()
    bench.take("fast_raw")
    poison, good = bench.runs
    assert poison.job.losses == 2
    assert poison.job.raw is not None
    assert poison.job.raw.stored
    assert [d["losses"] for d in bench.documents()] == [2]
    assert bench.held("fast_raw") == [b"good"]
    assert good.job.losses == 0


# ---- payloads of which no job can be made


def boom(payload: str) -> Any:
    if payload == "bad":
        raise KeyError("no such thing")
    return {"path": f"{MODULE}.Job", "params": {"payload": payload}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "returned a NoneType"),
        ({"params": {}}, "gave no path"),
        ({"path": 5, "params": {}}, "gave no path"),
        ({"path": "tasks.Job"}, "gave no params"),
        ({"path": "tasks.Job", "params": [1]}, "gave no params"),
    ],
)
@pytest.mark.parametrize("queue", ["a_raw", "fast_raw"])
def test_what_is_no_job_is_kept_as_a_failed_one(
    store: Moody, clock: ManualClock, given: Any, said: str, queue: str
) -> None:
    bench = with_factory(store, clock, lambda payload: given, queue)
    bench.fill(queue, b"bad")
    assert bench.take(queue) == 1
    assert bench.runs == []
    assert said in bench.rejected[b"bad"].traceback
    (document,) = bench.documents()
    assert (document["path"], document["params"]) == (
        "mrq.basetasks.raw.Redeliver", {"queue": queue, "payload": b"bad"},
    )  # fmt: skip
    assert document["status"] == "started", "who was given it writes its end"
    assert bench.held(queue) == []


def test_params_that_cannot_be_stored_are_no_job_either(store: Moody, clock: ManualClock) -> None:
    bench = with_factory(store, clock, lambda payload: {"path": "tasks.Job", "params": {"x": object()}})
    bench.fill("a_raw", b"bad")
    bench.take("a_raw")
    assert "params['x'] is a object" in bench.rejected[b"bad"].traceback
    assert [d["params"] for d in bench.documents()] == [{"queue": "a_raw", "payload": b"bad"}]


@pytest.mark.parametrize("queue", ["a_raw", "fast_raw"])
def test_a_factory_that_raises_costs_its_payload_only(store: Moody, clock: ManualClock, queue: str) -> None:
    bench = with_factory(store, clock, boom, queue)
    bench.fill(queue, b"one", b"bad", b"two")
    assert bench.take(queue) == 3
    assert bench.payloads() == ["one", "two"]
    assert bench.rejected[b"bad"].exceptiontype == "KeyError"
    assert "no such thing" in bench.rejected[b"bad"].traceback


def test_a_payload_of_a_sorted_set_keeps_its_score(store: Moody, clock: ManualClock) -> None:
    bench = with_factory(store, clock, boom, "a_sorted_set")
    bench.fill("a_sorted_set", b"bad")
    bench.take("a_sorted_set")
    assert bench.documents()[0]["params"]["score"] == 1.0


def test_a_payload_that_is_too_large_to_be_stored_is_not_lost(store: Moody, clock: ManualClock) -> None:
    bench = with_factory(store, clock, lambda payload: {})
    large = b"x" * 17_000_000
    bench.fill("a_raw", large, b"small")
    bench.take("a_raw")
    assert [d["params"]["payload"] for d in bench.documents()] == [b"small"]
    assert bench.held("a_raw") == [large]
    assert bench.rescuer.release_unknown("a_raw", bench.state.worker, bench.state.knows) == 0


# ---- answers that get lost, servers that are away


@pytest.mark.parametrize("step", ["take", "done"])
@pytest.mark.parametrize("how", ["lose", "away"])
def test_a_take_goes_through_what_redis_does_to_it(bench: RawBench, step: str, how: str) -> None:
    bench.fill("a_raw", b"one", b"two")
    getattr(bench.raw, how).add(step)
    with pytest.raises(StoreUnavailableError):
        bench.take("a_raw")
    assert bench.runs == []
    bench.raw.away.clear()
    assert bench.source.recover() == 2
    assert bench.source.recover() == 0
    assert bench.payloads() == ["one", "two"]
    assert [d["status"] for d in bench.documents()] == ["started", "started"]
    assert bench.held("a_raw") == bench.waiting("a_raw") == []


@pytest.mark.parametrize("how", ["lose", "away"])
def test_a_take_goes_through_what_mongodb_does_to_it(bench: RawBench, how: str) -> None:
    bench.fill("a_raw", b"one", b"two")
    getattr(bench.jobs, how).add("insert_started")
    with pytest.raises(StoreUnavailableError):
        bench.take("a_raw")
    assert bench.held("a_raw") == [b"one", b"two"], "as long as it isn't known that MongoDB has them"
    bench.jobs.away.clear()
    assert bench.source.recover() == 2
    assert bench.payloads() == ["one", "two"]
    assert len(bench.documents()) == 2
    assert bench.held("a_raw") == []


def test_nobody_hands_back_what_an_open_take_holds(bench: RawBench) -> None:
    bench.fill("a_raw", b"one")
    bench.jobs.lose.add("insert_started")
    with pytest.raises(StoreUnavailableError):
        bench.take("a_raw")
    (started,) = bench.jobs.started_by(bench.state.worker, 10)
    assert bench.state.holds(started.id, started.token), "nor the document, by the heartbeat"
    assert bench.rescuer.release_unknown("a_raw", bench.state.worker, bench.state.knows) == 0
    bench.source.recover()
    assert bench.payloads() == ["one"]


def test_everything_at_once_loses_nothing(bench: RawBench) -> None:
    payloads = [b"%d" % number for number in range(40)]
    bench.fill("a_raw", *payloads)
    for number in range(40):
        bench.raw.lose.add(("take", "done", "serve")[number % 3])
        bench.jobs.lose.add("insert_started")
        if bench.persist("a_raw") == 0:
            break
    bench.source.recover()
    assert sorted(int(payload) for payload in bench.payloads()) == list(range(40))
    assert len(bench.documents()) == 40


# ---- a worker that was taken for dead


def test_what_was_rescued_meanwhile_does_not_run_and_leaves_no_document(bench: RawBench) -> None:
    bench.fill("a_raw", b"one", b"two")
    bench.jobs.away.add("insert_started")
    with pytest.raises(StoreUnavailableError):
        bench.take("a_raw")
    first = bench.raw.held_ids("a_raw", bench.state.worker)[0]
    bench.raw.put_back("a_raw", bench.state.worker, {first: "a_raw"})
    bench.jobs.away.clear()
    bench.jobs.lose.add("discard")
    with pytest.raises(StoreUnavailableError):
        bench.source.recover()
    bench.source.recover()
    assert bench.payloads() == ["two"]
    assert bench.waiting("a_raw") == [b"one"]
    assert [d["params"]["payload"] for d in bench.documents()] == ["two"]


def test_a_lease_that_may_be_over_keeps_jobs_from_running(bench: RawBench) -> None:
    for queue in ("a_raw", "fast_raw"):
        bench.fill(queue, b"one")
        bench.fresh = False
        bench.take(queue)
        assert bench.runs == []
        assert not bench.state.open_takes, "they are left to whoever looks after orphans"


def test_a_new_identity_forgets_the_takes_of_the_old_one(bench: RawBench) -> None:
    bench.fill("a_raw", b"one")
    bench.jobs.away.add("insert_started")
    with pytest.raises(StoreUnavailableError):
        bench.take("a_raw")
    bench.state.open_takes.clear()
    bench.state.worker = new_id()
    bench.jobs.away.clear()
    assert bench.source.recover() == 0
    assert bench.documents() == []


# ---- subqueues


def test_all_subqueues_of_a_root_are_served(bench: RawBench) -> None:
    for name in "xyz":
        bench.fill(f"a_raw/{name}", b"%s1" % name.encode(), b"%s2" % name.encode())
    assert bench.take("a_raw/", 100) == 6
    assert {run.job.raw.queue for run in bench.runs if run.job.raw} == {"a_raw/x", "a_raw/y", "a_raw/z"}
    assert bench.take("a_raw/", 100) == 0


def test_subqueues_take_turns(bench: RawBench) -> None:
    for name in "xyz":
        bench.fill(f"a_raw/{name}", *[name.encode()] * 20)
    for _ in range(6):
        bench.take("a_raw/", 3)
    assert sorted(bench.payloads()) == ["x"] * 6 + ["y"] * 6 + ["z"] * 6


def test_a_new_subqueue_is_seen_at_once(bench: RawBench) -> None:
    assert bench.take("a_raw/") == 0
    bench.fill("a_raw/new", b"one")
    assert bench.take("a_raw/") == 1


def test_paused_subqueues_are_left_out(bench: RawBench) -> None:
    for name in "xyz":
        bench.fill(f"a_raw/{name}", name.encode())
    assert bench.take("a_raw/", 10, ("a_raw/y",)) == 2
    assert bench.waiting("a_raw/y") == [b"y"]
    assert bench.take("a_raw/", 10) == 1


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_great_many_subqueues_are_served_with_few_calls(bench: RawBench, limit: int) -> None:
    many = 1000
    for number in range(many):
        bench.fill(f"fast_raw/{number}", b"%d" % number)
    turns = 0
    while bench.take("fast_raw/", limit):
        turns += 1
    assert len(set(bench.payloads())) == many
    assert turns == -(-many // limit)
    assert bench.raw.calls.count("take") <= turns + many / 200 + 1


# ---- configuration


def test_what_is_set_for_a_queue() -> None:
    entry = {
        "job_factory": dict, "retry_queue": "r", "statuses_no_storage": ("started", "success"), "pushback_seconds": 5,
        "has_subqueues": True,
    }  # fmt: skip
    settings = raw_settings("a_raw", {"a_raw": entry})
    assert settings.unstored
    assert settings.no_storage == {Status.STARTED, Status.SUCCESS}
    assert (settings.retry_queue, settings.pushback, settings.has_subqueues) == ("r", 5.0, True)
    plain = raw_settings("a_raw", {"a_raw": {"statuses_no_storage": None}})
    assert (plain.unstored, plain.retry_queue, plain.pushback) == (False, "default", 0)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "RAW_QUEUES = {'a_raw': {'job_factory'"),
        ({"job_factory": dict, "statuses_no_storage": ("succes",)}, "statuses_no_storage.*'succes'"),
        ({"job_factory": dict, "retry_queue": "b_raw"}, "retry_queue.*a raw queue"),
    ],
)
def test_a_worker_says_at_its_start_what_is_wrong(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        served_settings({"a_raw"}, {"a_raw": entry})
