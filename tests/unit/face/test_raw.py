"""Raw queues as users have them: queue_raw_jobs, Queue, and what becomes of payloads of which no job can be made."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import App, use_app
from mrq.context import queue_raw_jobs
from mrq.domain.status import Status
from mrq.engine.raw_rescue import RawRescuer
from mrq.exceptions import ConfigError, InvalidParamsError, InvalidQueueError
from mrq.job import Job, jobs_matching, queue_job
from mrq.ports.errors import StoreUnavailableError
from mrq.queue import Queue
from mrq.queue_raw import QueueRaw
from mrq.queue_regular import QueueRegular
from mrq.testing import memory_stores, run_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

broken = {"bad"}  # payloads of which no job can be made


def job_factory(payload: Any) -> dict[str, Any]:
    """What a mended factory does, and a broken one."""
    if payload in broken:
        raise KeyError("broken")
    return {"path": "unit.face.sampletasks.Echo", "params": {"payload": payload}}


RAW_QUEUES = {
    "a_raw": {"job_factory": job_factory, "retry_queue": "again", "has_subqueues": True},
    "a_set": {"job_factory": job_factory},
    "a_sorted_set": {"job_factory": job_factory},
    "a_timed_set": {"job_factory": job_factory, "pushback_seconds": 60},
    "fast_raw": {"job_factory": job_factory, "retry_queue": "again", "statuses_no_storage": ("started", "success")},
    "no_raw": {},
}


@pytest.fixture(autouse=True)
def app() -> Iterator[App]:
    app = App({"raw_queues": RAW_QUEUES}, stores=memory_stores())
    use_app(app)
    yield app
    use_app(None)


def results(app: App) -> list[Any]:
    """What the tasks were given."""
    return [d["result"] for d in app.jobs.documents() if "result" in d]  # type: ignore[attr-defined]


def test_the_kinds_of_queues() -> None:
    flags = {
        "x": (False, False, False, False), "a_raw": (True, False, False, False), "a_set": (True, True, False, False),
        "a_sorted_set/s": (True, True, True, False), "a_timed_set_reverse": (True, True, True, True),
    }  # fmt: skip
    for name, expected in flags.items():
        queue = Queue(name)
        assert (queue.is_raw, queue.is_set, queue.is_sorted, queue.is_timed) == expected
        assert type(queue) is (QueueRaw if expected[0] else QueueRegular)
        assert Queue(queue).id == queue.id


def test_payloads_are_queued_run_and_gone(app: App) -> None:
    queue_raw_jobs("a_raw", ["text", b"bytes", 3, 4.5, b"\xff"])
    queue = Queue("a_raw")
    assert isinstance(queue, QueueRaw)
    assert queue.size() == queue.count_jobs_to_dequeue() == 5
    assert queue.list_raw_jobs() == [b"text", b"bytes", b"3", b"4.5", b"\xff"]
    assert queue.list_raw_jobs(skip=1, limit=2) == [b"bytes", b"3"]
    assert queue.remove_raw_jobs(["bytes", "nothing"]) == 1
    run_jobs("a_raw")
    assert queue.size() == 0
    assert results(app) == ["text", "3", "4.5", b"\xff"]


# ---- payloads taken by hand


def test_payloads_are_taken_as_started_jobs_that_are_stored(app: App) -> None:
    queue_raw_jobs("fast_raw", ["one", "two", "three"])
    first, second = Queue("fast_raw").dequeue_jobs(max_jobs=2)
    assert Queue("fast_raw").list_raw_jobs() == [b"three"]
    document = app.jobs.fetch(first.id).document  # type: ignore[union-attr, arg-type]
    assert (document["status"], document["raw_queue"], document["queue"]) == ("started", "fast_raw", "again")
    assert (document["path"], document["params"]) == ("unit.face.sampletasks.Echo", {"payload": "one"})
    assert first.data is not None
    assert first.data["params"] == {"payload": "one"}
    assert not any(app.raw.held_ids("fast_raw", worker) for worker in app.raw.holders("fast_raw"))
    worker = app.workers.fetch(document["worker"])
    assert worker is not None
    assert worker["deadline"] > app.clock.now()
    assert second.perform() == "two"


def test_payloads_of_subqueues_are_taken_and_what_is_not_asked_for_waits_for_its_retry(app: App) -> None:
    queue_raw_jobs("a_raw/x", ["one"])
    queue_raw_jobs("a_raw/y", ["two"])
    taking = Queue("a_raw/").dequeue_jobs(max_jobs=5)
    assert next(taking).id is not None
    taking.close()  # type: ignore[attr-defined]
    assert Queue("a_raw/").size() == 0
    assert Queue("again").count_jobs_to_dequeue() == 1


def test_a_payload_of_which_no_job_can_be_made_fails_and_the_next_is_given(app: App) -> None:
    queue_raw_jobs("a_raw", ["bad", "good"])
    (job,) = Queue("a_raw").dequeue_jobs(max_jobs=2)
    assert job.data is not None
    assert job.data["params"] == {"payload": "good"}
    (failed,) = [d for d in app.jobs.documents() if d["status"] == "failed"]  # type: ignore[attr-defined]
    assert failed["exceptiontype"] == "KeyError"


def test_nothing_is_taken_from_an_empty_or_paused_raw_queue(app: App) -> None:
    assert list(Queue("a_raw").dequeue_jobs()) == []
    queue_raw_jobs("a_raw", ["one"])
    Queue("a_raw").pause()
    assert list(Queue("a_raw").dequeue_jobs()) == []
    assert Queue("a_raw").size() == 1
    assert [worker["status"] for worker in app.workers.alive(10)] == []
    with pytest.raises(ConfigError, match="job_factory"):
        list(Queue("no_raw").dequeue_jobs())


def test_payloads_whose_taking_was_cut_short_are_rescued(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise StoreUnavailableError("away")

    queue_raw_jobs("a_raw", ["one"])
    with monkeypatch.context() as patches:
        patches.setattr(type(app.jobs), "insert_started", away)
        with pytest.raises(StoreUnavailableError):
            list(Queue("a_raw").dequeue_jobs())
    (worker,) = app.raw.holders("a_raw")
    app.workers.mark_lost(worker, app.workers.fetch(worker)["beat"])  # type: ignore[index]
    assert RawRescuer(app.raw, app.jobs, app.workers).round(None) == 1
    assert Queue("a_raw").list_raw_jobs() == [b"one"]


def test_sorted_and_timed_sets_have_scores() -> None:
    now = time.time()
    queue_raw_jobs("a_sorted_set", {"late": 5, b"early": 1.5})
    queue_raw_jobs("a_timed_set", {"later": now + 60})
    queue_raw_jobs("a_timed_set", ["now"])
    assert Queue("a_sorted_set").list_raw_jobs() == [b"early", b"late"]
    timed = Queue("a_timed_set")
    assert isinstance(timed, QueueRaw)
    assert (timed.size(), timed.count_jobs_to_dequeue()) == (2, 1)
    assert timed.get_sorted_graph(now - 30, now + 90, slices=2) == [1, 1]


def test_a_graph_of_scores() -> None:
    queue_raw_jobs("a_sorted_set", {str(n): n for n in range(-2, 12)})
    queue = Queue("a_sorted_set")
    assert isinstance(queue, QueueRaw)
    assert queue.get_sorted_graph(0, 10, slices=5) == [2, 2, 2, 2, 2]
    assert queue.get_sorted_graph(0, 10, slices=2, include_inf=True, exact=True) == [2, 5, 5, 2]
    with pytest.raises(InvalidQueueError, match="no scores"):
        QueueRaw("a_raw").get_sorted_graph()


def test_a_pushed_back_payload_stays(app: App) -> None:
    queue_raw_jobs("a_timed_set", ["one"])
    run_jobs("a_timed_set")
    queue = Queue("a_timed_set")
    assert (queue.size(), queue.count_jobs_to_dequeue()) == (1, 0)
    assert results(app) == ["one"]


def test_subqueues(app: App) -> None:
    for name in ("a_raw/x", "a_raw/y", "a_set/z"):
        queue_raw_jobs(name, ["p"])
    everything = Queue("a_raw/")
    assert everything.size() == everything.count_jobs_to_dequeue() == 2
    assert Queue("a_raw").get_known_subqueues() == {"a_raw/x", "a_raw/y"}
    assert Queue("a_set").get_known_subqueues() == set(), "the configuration says nothing of subqueues"
    run_jobs("a_raw/")
    assert everything.size() == 0
    assert {d["raw_queue"] for d in app.jobs.documents()} == {"a_raw/x", "a_raw/y"}  # type: ignore[attr-defined]
    queue_raw_jobs("a_raw/x", ["p"])
    everything.empty()
    assert everything.get_known_subqueues() == set()


def test_what_is_set_for_a_queue() -> None:
    queue = QueueRaw("a_raw/x")
    assert queue.has_subqueues
    assert queue.get_retry_queue() == "again"
    assert queue.get_config()["job_factory"] is job_factory
    assert QueueRaw("a_set").get_retry_queue() == QueueRaw("unknown_raw").get_retry_queue() == "default"
    assert QueueRegular("x").get_retry_queue() == "x"
    assert QueueRaw("unknown_raw").get_config() == {}


def test_without_raw_queues_queues_config_counts() -> None:
    app = App({"queues_config": {"b_raw": {"job_factory": job_factory}}}, stores=memory_stores())
    use_app(app)
    queue_raw_jobs("b_raw", ["one"])
    run_jobs("b_raw")
    assert results(app) == ["one"]


def test_all_queues_are_told_with_what_waits_in_them() -> None:
    use_app(App({"raw_queues": {**RAW_QUEUES, "regular": {"notify": True}}}, stores=memory_stores()))
    for queue, payloads in (("a_raw", 2), ("a_raw/x", 1), ("a_raw/x/y", 3), ("a_sorted_set", 1), ("a_set/x", 1)):
        names = [str(number) for number in range(payloads)]
        queue_raw_jobs(queue, dict.fromkeys(names, 1.0) if "sorted" in queue else names)
    queue_job("unit.face.sampletasks.add", {}, queue="jobs")
    waiting = {"a_raw": 2, "a_raw/x": 1, "a_raw/x/y": 3, "a_sorted_set": 1, "jobs": 1}
    assert Queue.all() == dict.fromkeys(RAW_QUEUES, 0) | {"regular": 0} | waiting  # a_set doesn't tell its subqueues


def test_pausing() -> None:
    for queue in (Queue("a_raw/x"), Queue("regular")):
        assert not queue.is_paused()
        queue.pause()
        assert queue.is_paused()
        queue.resume()
        assert not queue.is_paused()
    Queue("a_raw/").pause()
    assert Queue("a_raw/x").is_paused()
    queue_raw_jobs("a_raw/x", ["one"])
    run_jobs("a_raw/x", "a_raw/")
    assert Queue("a_raw/x").size() == 1


@pytest.mark.parametrize(
    ("queue", "payloads", "error"),
    [
        ("regular", ["x"], InvalidQueueError),
        ("a_raw/", ["x"], InvalidQueueError),
        ("a_raw", "x", InvalidParamsError),
        ("a_raw", 5, InvalidParamsError),
        ("a_raw", ["good", None], InvalidParamsError),
        ("a_raw", ["good", {"a": 1}], InvalidParamsError),
        ("a_raw", ["\ud800"], InvalidParamsError),
        ("a_raw", {"x": 1}, InvalidParamsError),
        ("a_sorted_set", ["x"], InvalidParamsError),
        ("a_sorted_set", {"x": "much"}, InvalidParamsError),
        ("a_sorted_set", {"x": float("nan")}, InvalidParamsError),
    ],
)
def test_what_cannot_be_queued_is_refused_as_a_whole(queue: str, payloads: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        queue_raw_jobs(queue, payloads)
    assert Queue("a_raw").size() == Queue("a_sorted_set").size() == 0


def test_nothing_to_queue_is_fine() -> None:
    queue_raw_jobs("a_raw", [])
    queue_raw_jobs("a_sorted_set", {})
    assert Queue("a_raw").size() == 0


def test_idle_workers_are_called(app: App) -> None:
    ear = app.wakeups.subscribe(["a_raw"])
    queue_raw_jobs("a_raw/x", ["one"])
    assert ear.wait(1)


def test_requeueing_a_payload_of_which_no_job_could_be_made_delivers_it(app: App) -> None:
    queue_raw_jobs("a_raw", ["good", "bad"])
    queue_raw_jobs("a_sorted_set", {"bad": 7})
    run_jobs("a_raw", "a_sorted_set")
    assert results(app) == ["good"]
    failed = [d for d in app.jobs.documents() if d["status"] == "failed"]  # type: ignore[attr-defined]
    assert len(failed) == 2
    broken.clear()
    for document in failed:
        assert document["exceptiontype"] == "KeyError"
        assert "KeyError: 'broken'" in document["traceback"]
        Job(document["_id"]).requeue(queue="default")
    run_jobs("default")
    assert QueueRaw("a_sorted_set").get_sorted_graph(7, 8, slices=1) == [1], "with its score"
    run_jobs("a_raw", "a_sorted_set")
    assert results(app).count("bad") == 2
    broken.add("bad")


def test_a_factory_that_fails_is_told_once_with_its_traceback(app: App, caplog: pytest.LogCaptureFixture) -> None:
    queue_raw_jobs("a_raw", ["bad"])
    run_jobs("a_raw")
    (failed,) = app.jobs.documents()  # type: ignore[attr-defined]
    kept = f"queue a_raw: no job can be made of b'bad': KeyError: 'broken'; kept as job {failed['_id']}; "
    assert [message[: len(kept)] for message in caplog.messages if message.startswith("queue a_raw")] == [kept]
    assert caplog.text.count("Traceback (most recent call last)") == 1


def test_a_payload_that_was_delivered_again_is_a_job_of_its_own(app: App) -> None:
    queue_raw_jobs("a_raw", ["bad"])
    run_jobs("a_raw")
    queue_raw_jobs("a_raw", ["next"])
    (failed,) = app.jobs.documents()  # type: ignore[attr-defined]
    broken.clear()
    try:
        assert jobs_matching(path=failed["path"], status="failed").requeue().moved == 1
        run_jobs("again")  # its retry queue
    finally:
        broken.add("bad")
    assert Queue("a_raw").list_raw_jobs() == [b"next", b"bad"]  # behind the others
    assert app.jobs.fetch(failed["_id"]).status is Status.SUCCESS  # type: ignore[union-attr]


def test_a_worker_without_a_factory_does_not_start() -> None:
    for queue in ("no_raw", "unknown_raw", "no_raw/"):
        with pytest.raises(ConfigError, match=r"RAW_QUEUES.*job_factory"):
            run_jobs(queue)
