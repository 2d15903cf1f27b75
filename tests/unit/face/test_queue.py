"""mrq.queue.Queue: regular queues, with every method that MRQ 0.9 has."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq import queue as module
from mrq.app import App, use_app
from mrq.domain.queuename import QueueType
from mrq.engine.rescue import Rescuer
from mrq.exceptions import InvalidQueueError
from mrq.job import Job, queue_job, queue_jobs
from mrq.queue import Queue, QueueRegular, send_task, send_tasks
from mrq.testing import memory_app, memory_stores, run_jobs

if TYPE_CHECKING:
    from collections.abc import Callable

ADD = "unit.face.sampletasks.add"

pytestmark = pytest.mark.usefixtures("memory_app")


def status(job: Any) -> str:
    return Job(job, fetch=True).data["status"]  # type: ignore[index]


def test_a_name_makes_a_queue_of_its_kind() -> None:
    queue = Queue("main/x_reverse")
    assert type(queue) is QueueRegular
    assert isinstance(queue, Queue)
    assert (queue.id, queue.root_id, queue.is_subqueue, queue.is_reverse) == ("main/x", "main", True, True)
    assert not (queue.is_raw)
    assert not (queue.is_set)
    assert not (queue.is_timed)
    assert not (queue.is_sorted)
    assert not (queue.use_large_ids)
    assert Queue(queue).id == "main/x"
    assert Queue.get_queue_type("a_timed_set/b") is QueueType.TIMED_SET
    assert queue.get_retry_queue() == "main/x"


@pytest.mark.parametrize(
    "call",
    [
        lambda queue: queue.list_raw_jobs(),
        lambda queue: queue.enqueue_raw_jobs(["x"]),
        lambda queue: queue.remove_raw_jobs(["x"]),
        lambda queue: queue.get_sorted_graph(),
    ],
)
def test_what_only_raw_queues_can_do_is_refused(call: Callable[[Any], Any]) -> None:
    with pytest.raises(InvalidQueueError, match="'q' is a regular queue, and"):
        call(Queue("q"))


def test_pausing_holds_for_subqueues() -> None:
    Queue("high/").pause()
    assert Queue("high").is_paused()
    assert Queue("high/x").is_paused()
    assert Queue("high/").is_paused()
    assert not Queue("low").is_paused()
    Queue("high").resume()
    assert not Queue("high/x").is_paused()
    Queue("high/x").pause()
    assert Queue("high/x").is_paused()
    assert not Queue("high/y").is_paused()
    assert not Queue("high/").is_paused()


def test_workers_take_nothing_from_a_paused_queue() -> None:
    job = queue_job(ADD, {"a": 1}, queue="high")
    Queue("high").pause()
    run_jobs("high")
    assert status(job) == "queued"
    Queue("high").resume()
    run_jobs("high")
    assert status(job) == "success"


def test_resuming_wakes_workers(memory_app: App) -> None:
    ear = memory_app.wakeups.subscribe(["high"])
    Queue("high/x").resume()
    assert ear.wait(5)
    ear.close()


def test_configuration_is_that_of_the_root() -> None:
    with memory_app(queues_config={"main": {"notify": True}, "other": {}}):
        assert Queue("main/x").get_config() == {"notify": True}
        assert Queue("main/").use_notify()
        assert not Queue("other").use_notify()
        assert Queue("unknown").get_config() == {}
        assert Queue.get_queues_config() == {"main": {"notify": True}, "other": {}}
    with memory_app(queues_config={"main": {"notify": True}}, raw_queues={"r_set": {}}):
        assert Queue.get_queues_config() == {"r_set": {}}


class Marks:
    """Wake-ups that note the marks left for workers of MRQ 0.9."""

    def __init__(self, wakeups: Any) -> None:
        self._wakeups = wakeups
        self.left: list[tuple[str, int, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wakeups, name)

    def leave_marks(self, root: str, jobs: int, ttl: float) -> None:
        self.left.append((root, jobs, ttl))


def test_workers_of_mrq_0_9_are_woken_where_that_is_configured() -> None:
    stores = memory_stores()
    marks = Marks(stores.wakeups)
    object.__setattr__(stores, "wakeups", marks)
    app = App({"queues_config": {"main": {"notify": True}}, "max_latency": 0.2}, stores=stores)
    use_app(app)
    ear = app.wakeups.subscribe(["main", "other"])
    queue_jobs(ADD, [{"a": 1}, {"a": 2}], queue="main/x")
    assert marks.left == [("main", 2, 1.0)], "at least a second"
    queue_job(ADD, {"a": 1}, queue="other")
    assert len(marks.left) == 1
    assert ear.wait(5)
    Queue("main").notify(7)
    assert marks.left[1:] == [("main", 7, 1.0)]
    Queue("other").notify()
    assert len(marks.left) == 2
    assert ear.wait(5)
    ear.close()
    use_app(None)


def test_jobs_for_later_are_not_there_to_be_taken() -> None:
    queue_job(ADD, {"a": 1}, queue="later/x")
    queue_job(ADD, {"a": 1}, queue="later/x", delay=60)
    for name in ("later/x", "later/"):
        assert (Queue(name).size(), Queue(name).count_jobs_to_dequeue()) == (2, 1)
    assert len(list(Queue("later/x").dequeue_jobs(10))) == 1


def test_sizes_are_counted_and_published(memory_app: App) -> None:
    queue_jobs(ADD, [{"a": 1}] * 3, queue="q")
    (job,) = Queue("q").dequeue_jobs()
    assert Queue("q").size() == 3, "one of them runs"
    assert Queue("q").count_jobs_to_dequeue() == 2
    assert memory_app.sizes.published("q") == 3
    assert job.run is not None
    run_jobs("q")
    done = Queue("q").list_job_ids()
    assert done == []
    Job(queue_job(ADD, {"a": 1}, queue="z")).cancel()
    assert Queue("z").size() == 0


def test_a_requeued_job_is_published(memory_app: App) -> None:
    job = queue_job(ADD, {"a": 1}, queue="q")
    run_jobs("q")
    memory_app.sizes.publish({"q": 0}, 60)
    Job(job).requeue()
    assert memory_app.sizes.published("q") == 1


def test_queues_that_are_known() -> None:
    tasks = {"a.B": {"queue": "from-task"}, "a.C": {"timeout": 1}}
    with memory_app(tasks=tasks, queues_config={"conf": {"retry_queue": "again"}}):
        queue_job(ADD, {"a": 1}, queue="jobs/x")
        queue_job(ADD, {"a": 1}, queue="ended")
        run_jobs("ended")
        assert Queue.all_known() == {"from-task", "conf", "again", "jobs/x", "ended"}
        assert Queue.all_known(sources=("config",)) == {"from-task", "conf", "again"}
        assert Queue.all_known(sources=("jobs",)) == {"jobs/x", "ended"}
        assert Queue.all_known(sources=("raw_subqueues",)) == set()
        assert Queue.all_known(prefixes=("jobs/", "con")) == {"jobs/x", "conf"}
        assert Queue.all() == {"jobs/x": 1}
        assert [queue.id for queue in Queue.all_active()] == ["jobs/x"]
        assert Queue("jobs").get_known_subqueues() == Queue("jobs/").get_known_subqueues() == {"jobs/x"}
        with pytest.raises(ValueError, match="there is no redis"):
            Queue.all_known(sources=("redis",))


def test_nothing_is_known_after_emptying() -> None:
    queue_job(ADD, {"a": 1}, queue="x")
    assert Queue.all_known() == {"x"}
    Queue("x").empty()
    assert Queue.all_known() == set()


def test_subqueues_below_a_subqueue() -> None:
    for name in ("a/b/c", "a/b", "a/x"):
        queue_job(ADD, {"a": 1}, queue=name)
    assert Queue("a/b/").get_known_subqueues() == {"a/b/c"}


# ---- jobs taken by hand


def test_jobs_are_taken_started_and_in_order(memory_app: App) -> None:
    ids = queue_jobs(ADD, [{"a": n} for n in range(3)], queue="q")
    taken = list(Queue("q").dequeue_jobs(max_jobs=2))
    assert [job.id for job in taken] == ids[:2]
    assert [status(job) for job in ids] == ["started", "started", "queued"]
    assert taken[0].data is not None
    assert (taken[0].data["path"], taken[0].data["params"]) == (ADD, {"a": 0})
    document = Job(ids[0], fetch=True).data
    worker = memory_app.workers.fetch(document["worker"])  # type: ignore[index]
    assert worker is not None
    assert worker["deadline"] > memory_app.clock.now()


def test_jobs_that_were_not_asked_for_go_back(memory_app: App) -> None:
    ids = queue_jobs(ADD, [{"a": n} for n in range(3)], queue="q")
    taking = Queue("q").dequeue_jobs(max_jobs=3)
    assert next(taking).id == ids[0]
    taking.close()  # type: ignore[attr-defined]
    assert [status(job) for job in ids] == ["started", "queued", "queued"]
    assert Queue("q").list_job_ids() == [str(job) for job in ids[1:]]


def test_a_job_that_does_not_end_is_rescued_after_the_deadline(memory_app: App) -> None:
    job = queue_job(ADD, {"a": 1}, queue="q")
    (taken,) = Queue("q").dequeue_jobs()
    stores = memory_app
    rescuer = Rescuer(stores.jobs, stores.workers, stores.clock, 1.0, 3, 60.0)
    rescuer.beaten(stores.clock.monotonic())
    me, now = stores.jobs.new_id(), stores.clock.now()
    assert rescuer.round(me, now + timedelta(seconds=2990)) == 0
    assert rescuer.round(me, now + timedelta(seconds=3010)) == 1
    assert status(job) == "queued"
    assert taken.id == job


def test_an_empty_or_paused_queue_gives_nothing(memory_app: App) -> None:
    assert list(Queue("q").dequeue_jobs()) == []
    assert [worker["status"] for worker in memory_app.workers.alive(10)] == []
    queue_job(ADD, {"a": 1}, queue="q/x")
    Queue("q/x").pause()
    assert list(Queue("q/x").dequeue_jobs()) == []
    assert list(Queue("q/").dequeue_jobs()) == []


def test_jobs_are_of_the_class_that_was_asked_for() -> None:
    class Mine(Job):
        pass

    queue_job(ADD, {"a": 1}, queue="q")
    (job,) = Queue("q").dequeue_jobs(job_class=Mine)
    assert type(job) is Mine


def test_a_job_that_was_taken_can_be_performed_and_ended() -> None:
    queue_job(ADD, {"a": 41}, queue="q")
    (job,) = Queue("q").dequeue_jobs()
    assert job.perform() == 42
    assert Queue("q").size() == 0


# ---- deprecated names


def test_deprecated_senders() -> None:
    job = send_task(ADD, {"a": 1}, queue="q")
    assert Queue("q").list_job_ids() == [str(job)]
    assert len(send_tasks(ADD, [{"a": 1}, {"a": 2}])) == 2
    assert send_tasks(ADD, [{"a": 1}, {"a": 2}], sync=True) == [2, 3]
    with pytest.raises(InvalidQueueError):
        module.send_raw_tasks("q", ["x"])
