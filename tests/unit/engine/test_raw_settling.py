"""The ends of jobs from raw queues: most of those that are not stored leave no trace."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from unit.engine.rawkit import RawBench

if TYPE_CHECKING:
    from unit.engine.kit import ManualClock, Moody

FAILED = Outcome(Status.FAILED, failure=Failure("ValueError", "text"))
DONE = Outcome(Status.SUCCESS, result=1)


@pytest.fixture
def bench(store: Moody, clock: ManualClock) -> RawBench:
    return RawBench(store, clock)


def running(bench: RawBench, queue: str, *payloads: bytes) -> None:
    bench.fill(queue, *payloads)
    bench.take(queue)
    bench.raw.calls.clear()
    bench.jobs.calls.clear()


def test_a_stored_job_ends_like_any_other(bench: RawBench) -> None:
    running(bench, "a_raw", b"one", b"two")
    bench.end(DONE, *bench.runs)
    assert [d["status"] for d in bench.documents()] == ["success", "success"]
    assert bench.raw.calls == []


def test_a_success_that_is_not_stored_is_let_go_and_mongodb_never_hears_of_it(bench: RawBench) -> None:
    running(bench, "fast_raw", *[b"%d" % n for n in range(5)])
    bench.end(DONE, *bench.runs)
    assert bench.raw.calls == ["done"], "one call for all"
    assert bench.jobs.calls == []
    assert bench.held("fast_raw") == []
    assert not bench.state.busy
    assert bench.over == bench.runs


def test_an_end_that_is_to_be_stored_makes_the_job(bench: RawBench) -> None:
    running(bench, "fast_raw", b"one", b"two")
    bench.end(FAILED, bench.runs[0])
    (document,) = bench.documents()
    assert (document["status"], document["raw_queue"], document["queue"]) == ("failed", "fast_raw", "retries")
    assert document["params"] == {"payload": "one"}
    assert document["exceptiontype"] == "ValueError"
    assert bench.held("fast_raw") == [b"two"]


def test_a_retry_waits_in_the_retry_queue(bench: RawBench) -> None:
    running(bench, "fast_raw", b"one")
    bench.end(Outcome(Status.QUEUED, retry_count=1), *bench.runs)
    assert bench.jobs.count("retries", frozenset({Status.QUEUED})) == 1
    assert bench.held("fast_raw") == bench.waiting("fast_raw") == []


def test_what_waits_for_its_turn_waits_in_the_retry_queue_until_then(bench: RawBench) -> None:
    running(bench, "fast_raw", b"one")
    due = bench.clock.now() + timedelta(seconds=30)
    bench.end(Outcome(Status.QUEUED, due=due, has_slot=True), *bench.runs)
    (document,) = bench.documents()
    assert (document["status"], document["queue"]) == ("queued", "retries")
    assert (document["datedue"], document["datequeued"], document["rateslot"]) == (due, due, True)
    assert bench.held("fast_raw") == bench.waiting("fast_raw") == []


def test_what_is_handed_back_is_the_next_again(bench: RawBench) -> None:
    running(bench, "fast_raw", b"one", b"two")
    bench.fill("fast_raw", b"three")
    bench.end(Outcome(Status.QUEUED, at_front=True), *bench.runs)
    assert bench.waiting("fast_raw") == [b"one", b"two", b"three"]
    assert bench.documents() == []
    assert bench.returned == {"fast_raw"}
    assert not bench.state.busy


def test_a_worker_that_ends_lets_go_of_what_can_t_be_stored(bench: RawBench) -> None:
    """The end that is stored in its place leaves no trace, which is for the other lane to say."""
    running(bench, "fast_raw", b"one")
    origin = bench.runs[0].job.raw
    assert origin is not None
    origin.no_storage = frozenset({Status.STARTED, Status.FAILED})
    bench.end(Outcome(Status.SUCCESS, result=object()), *bench.runs)
    assert bench.held("fast_raw") == bench.waiting("fast_raw") == []
    assert bench.documents() == []
    assert not bench.state.busy


# ---- lost answers and outages


@pytest.mark.parametrize("step", ["done", "held", "settle"])
@pytest.mark.parametrize("how", ["lose", "away"])
def test_ends_are_written_in_the_end_and_once(bench: RawBench, step: str, how: str) -> None:
    running(bench, "fast_raw", b"one", b"two", b"three")
    server = bench.jobs if step == "settle" else bench.raw
    getattr(server, how).add(step)
    seen = []

    def meanwhile() -> None:
        seen.append(len(bench.state.held()))
        server.away.clear()

    bench.runtime.meanwhile = meanwhile
    failed, *good = bench.runs
    failed.decide(FAILED)
    bench.settler.put(failed)
    bench.end(DONE, *good)
    assert seen, "it had to wait"
    assert seen[0] >= 1, "the slots stay taken meanwhile"
    (document,) = bench.documents()
    assert (document["status"], len(document["traceback_history"])) == ("failed", 1)
    assert bench.held("fast_raw") == []
    assert not bench.state.busy
    assert bench.state.done_jobs == 3


@pytest.mark.parametrize("how", ["lose", "away"])
def test_handing_back_goes_through_a_bad_redis(bench: RawBench, how: str) -> None:
    running(bench, "fast_raw", b"one", b"two")
    getattr(bench.raw, how).add("put_back")
    bench.runtime.meanwhile = bench.raw.away.clear
    bench.end(Outcome(Status.QUEUED, at_front=True), *bench.runs)
    assert bench.waiting("fast_raw") == [b"one", b"two"]
    assert not bench.state.busy


# ---- what was taken away meanwhile


def test_a_rescued_job_is_not_settled(bench: RawBench, caplog: pytest.LogCaptureFixture) -> None:
    running(bench, "fast_raw", b"one", b"two", b"three")
    bench.rescuer.release("fast_raw", bench.state.worker)
    success, failed, back = bench.runs
    for run, outcome in ((success, DONE), (failed, FAILED), (back, Outcome(Status.QUEUED, at_front=True))):
        run.decide(outcome)
        bench.settler.put(run)
    bench.write()
    assert bench.documents() == []
    assert bench.waiting("fast_raw") == [b"one", b"two", b"three"], "where the rescue put them, once"
    assert not bench.state.busy
    assert caplog.text.count("was not written") == 2


def test_a_rescue_between_end_and_letting_go_drops_what_mongodb_has(bench: RawBench) -> None:
    running(bench, "fast_raw", b"one")
    bench.raw.away.add("done")

    def rescued() -> None:
        bench.raw.away.clear()
        bench.rescuer.release("fast_raw", bench.state.worker)

    bench.runtime.meanwhile = rescued
    bench.end(FAILED, *bench.runs)
    assert [d["status"] for d in bench.documents()] == ["failed"]
    assert bench.waiting("fast_raw") == bench.held("fast_raw") == []


# ---- what can't be stored


def test_a_result_that_cannot_be_stored_does_not_matter_where_none_is(bench: RawBench) -> None:
    running(bench, "fast_raw", b"one")
    bench.end(Outcome(Status.SUCCESS, result=object()), *bench.runs)
    assert bench.documents() == []
    assert not bench.state.busy


def test_a_failure_that_cannot_be_stored_ends_the_job_as_failed(bench: RawBench) -> None:
    running(bench, "fast_raw", b"one")
    bench.end(Outcome(Status.FAILED, failure=Failure("Error", "\ud800")), *bench.runs)
    assert [d["status"] for d in bench.documents()] == ["failed"]
    assert bench.held("fast_raw") == []


def test_params_that_cannot_be_stored_are_kept_as_their_payload(bench: RawBench) -> None:
    running(bench, "fast_sorted_set", b"one")
    bench.runs[0].job.params["x"] = object()
    bench.end(FAILED, *bench.runs)
    (document,) = bench.documents()
    assert document["path"] == "mrq.basetasks.raw.Redeliver"
    assert document["params"] == {"queue": "fast_sorted_set", "payload": b"one", "score": 1.0}
    assert document["traceback"] == "text", "why it failed is still to be seen"
    assert bench.held("fast_sorted_set") == []
    assert not bench.state.busy


def test_a_payload_that_cannot_be_stored_in_any_form_goes_back(bench: RawBench) -> None:
    large = b"x" * 17_000_000
    running(bench, "fast_raw", large)
    bench.end(FAILED, *bench.runs)
    bench.write()
    assert bench.documents() == []
    assert bench.waiting("fast_raw") == [large]
    assert not bench.state.busy
