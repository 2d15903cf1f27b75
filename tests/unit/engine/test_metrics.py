"""What the engine counts, and that a hook can do no harm."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import gevent
import pytest

from mrq.context import connections
from mrq.domain.status import Status
from mrq.engine.iotrace import IoHooks
from mrq.engine.metrics import Metrics
from mrq.exceptions import JobInterrupt
from mrq.helpers import metric
from mrq.job import Job, JobHandle, jobs_matching, queue_job, queue_jobs, queue_raw_jobs
from mrq.queue import Queue
from mrq.testing import memory_app as app_in_memory
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from mrq.app import App
    from unit.engine.kit import Tasks


class Hook:
    """Counts what it is told, and how often it was called."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.calls = 0

    def __call__(self, name: str, incr: int = 1, **about: Any) -> str:
        self.counts[name] += incr
        self.calls += 1
        return f"told {name}"


def test_without_a_hook_nothing_happens() -> None:
    metrics = Metrics()
    assert metrics.tell("x") is None
    metrics.queues("dequeued", {"a": 1})
    metrics.statuses([Status.QUEUED])
    metrics.enqueued("a", 1, Status.QUEUED)


def test_batches_are_told_at_once() -> None:
    hook = Hook()
    metrics = Metrics(lambda: hook)
    metrics.queues("dequeued", {"a": 2, "b/c": 1})
    metrics.statuses([Status.SUCCESS, Status.FAILED, Status.SUCCESS])
    metrics.statuses({Status.QUEUED: 4})
    metrics.queues("removed", {})
    metrics.enqueued("a", 0, Status.QUEUED)
    assert hook.counts == {
        "queues.a.dequeued": 2,
        "queues.b/c.dequeued": 1,
        "queues.all.dequeued": 3,
        "jobs.status.success": 2,
        "jobs.status.failed": 1,
        "jobs.status.queued": 4,
    }
    assert hook.calls == 6


def test_a_hook_that_raises_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    def hook(name: str, incr: int = 1) -> None:
        raise ValueError("no statsd here")

    metrics = Metrics(lambda: hook)
    with caplog.at_level(logging.ERROR):
        for _ in range(100):
            metrics.tell("x")
    assert [record.name for record in caplog.records] == ["mrq.metrics"]


def test_the_life_of_jobs_in_numbers(tasks: Tasks) -> None:
    hook = Hook()

    def run(params: dict[str, Any]) -> None:
        metric("mine", incr=10, tag=1)
        if params["n"] == 0:
            raise ValueError

    with app_in_memory(metric_hook=hook):
        queue_jobs(tasks.define(run), [{"n": n} for n in range(5)])
        assert hook.counts == {"queues.default.enqueued": 5, "queues.all.enqueued": 5, "jobs.status.queued": 5}
        assert hook.calls == 3
        run_jobs(greenlets=5)
    assert hook.counts == {
        "queues.default.enqueued": 5,
        "queues.all.enqueued": 5,
        "queues.default.dequeued": 5,
        "queues.all.dequeued": 5,
        "jobs.status.queued": 5,
        "jobs.status.started": 5,
        "jobs.status.success": 4,
        "jobs.status.failed": 1,
        "mine": 50,
    }


def test_payloads_are_counted_under_their_raw_queue(tasks: Tasks) -> None:
    path, hook = tasks.define(lambda _: None), Hook()

    def factory(payload: str) -> dict[str, Any]:
        return {"path": "" if payload == "bad" else path, "params": {}}

    with app_in_memory(metric_hook=hook, raw_queues={"a_raw": {"job_factory": factory}}):
        queue_raw_jobs("a_raw/x", ["1", "2", "bad", "gone"])
        assert Queue("a_raw/x").remove_raw_jobs(["gone", "never there"]) == 1
        assert run_jobs("a_raw/").code == 0
    assert hook.counts == {
        "queues.a_raw/x.enqueued": 4,
        "queues.all.enqueued": 4,
        "queues.a_raw/x.removed": 1,
        "queues.all.removed": 1,
        "queues.a_raw/x.dequeued": 3,
        "queues.all.dequeued": 3,
        "jobs.status.started": 3,
        "jobs.status.success": 2,
        "jobs.status.failed": 1,
    }


def test_a_job_that_its_key_stands_for_already_is_not_counted_again(tasks: Tasks) -> None:
    hook, path = Hook(), tasks.define(lambda _: None)
    with app_in_memory(metric_hook=hook) as app:
        queue_jobs(path, [{}] * 3, keys=["a", "b", None])
        queue_jobs(path, [{}] * 4, keys=["a", "c", "c", None])
        assert hook.counts["queues.default.enqueued"] == hook.counts["jobs.status.queued"] == 5
        assert app.sizes.published("default") == 5


def test_moves_by_a_handle_are_counted(tasks: Tasks) -> None:
    hook = Hook()
    with app_in_memory(metric_hook=hook) as app:
        job = JobHandle[None](queue_job(tasks.define(lambda _: None), {}), app)
        hook.counts.clear()
        assert job.cancel()
        assert job.requeue()
        assert hook.counts == {"jobs.status.cancel": 1, "jobs.status.queued": 1}


def test_a_hook_that_raises_breaks_no_job(tasks: Tasks) -> None:
    def hook(name: str, incr: int = 1, **about: Any) -> None:
        raise ValueError(name)

    with app_in_memory(metric_hook=hook) as app:
        job_id = queue_job(tasks.define(lambda _: metric("mine")), {})
        assert run_jobs().code == 0
        record = app.jobs.fetch(job_id)
        assert record is not None
        assert record.status is Status.SUCCESS


@pytest.mark.parametrize("where", ["jobs.status.success", "queues.default.dequeued"])
def test_a_hook_whose_own_time_out_passes_stops_no_worker(tasks: Tasks, where: str) -> None:
    def hook(name: str, incr: int = 1, **about: Any) -> None:
        if name == where:
            raise gevent.Timeout(1)  # as `with gevent.Timeout(1): statsd.send()` does; it is no Exception

    with app_in_memory(metric_hook=hook) as app:
        ids = [queue_job(tasks.define(lambda _: None), {}) for _ in range(10)]
        assert run_jobs().code == 0
        assert [record.status for record in map(app.jobs.fetch, ids) if record] == [Status.SUCCESS] * 10


@pytest.mark.parametrize("error", [JobInterrupt("stop"), gevent.GreenletExit(), KeyboardInterrupt()])
def test_what_ends_the_caller_is_none_of_the_hook(error: BaseException) -> None:
    def hook(_: Any = None, **about: Any) -> None:
        raise error

    with pytest.raises(type(error)):
        Metrics(lambda: hook).tell("x")
    with pytest.raises(type(error)):
        IoHooks(lambda: hook, lambda: hook, lambda: None).tell(hook, {})


def test_a_hook_can_be_set_and_removed_while_running(memory_app: App) -> None:
    hook = Hook()
    memory_app.config["metric_hook"] = hook
    assert metric("a.b", incr=2) == "told a.b"
    memory_app.config["metric_hook"] = None
    assert metric("a.b") is None
    assert hook.counts == {"a.b": 2}


def test_moves_from_outside_are_counted_when_they_happen(tasks: Tasks) -> None:
    hook = Hook()
    with app_in_memory(metric_hook=hook) as app:
        first, *others = queue_jobs(tasks.define(lambda _: None), [{}] * 3)
        hook.counts.clear()
        assert Job(first).cancel()
        assert Job(first).requeue()
        assert hook.counts == {"jobs.status.cancel": 1, "jobs.status.queued": 1}
        hook.counts.clear()
        assert jobs_matching(queue="default").cancel().moved == 3
        assert hook.counts == {"jobs.status.cancel": 3}
        hook.counts.clear()
        assert not Job(app.jobs.new_id()).requeue()
        assert hook.counts == {}
        assert len(others) == 2


def test_runs_that_were_begun_by_hand_outlive_a_reset_of_connections(memory_app: App) -> None:
    begun = memory_app.own_runs
    connections.reset()
    assert memory_app.own_runs is begun
    memory_app.close()
    assert memory_app.own_runs is not begun
