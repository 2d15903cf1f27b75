"""mrq.basetasks.cleaning and indexes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.basetasks.cleaning import RequeueInterruptedJobs, RequeueRetryJobs, RequeueStartedJobs
from mrq.basetasks.indexes import EnsureIndexes
from mrq.context import run_task
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.job import Job, queue_job
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from mrq.app import App

T = "tasks.T"
CLEANING = "mrq.basetasks.cleaning"

pytestmark = pytest.mark.usefixtures("memory_app")


def in_status(app: App, status: Status, **fields: Any) -> Any:
    job = queue_job(T, {}, queue="q")
    app.jobs._documents[job].update(status=status.value, **fields)  # type: ignore[attr-defined]
    return job


def document(job: Any) -> dict[str, Any]:
    return Job(job).fetch().data or {}


def started(app: App, seconds_ago: float, worker: Any, **fields: Any) -> Any:
    begin = app.clock.now() - timedelta(seconds=seconds_ago)
    return in_status(
        app, Status.STARTED, datestarted=begin, worker=worker, claim=app.jobs.new_id(), retry_count=2, **fields
    )  # fmt: skip


@pytest.fixture
def living(memory_app: App) -> Any:
    """A worker that is alive."""
    worker = memory_app.jobs.new_id()
    memory_app.workers.register(WorkerRecord(worker, "w", memory_app.clock.now(), 30))
    return worker


def test_they_are_tasks_of_which_one_runs_at_a_time() -> None:
    assert [t.max_concurrency for t in (RequeueInterruptedJobs, RequeueRetryJobs, RequeueStartedJobs)] == [1, 1, 1]
    assert EnsureIndexes.max_concurrency == 0


def test_interrupted_jobs_are_requeued_with_their_retries(memory_app: App) -> None:
    jobs = [in_status(memory_app, Status.INTERRUPT, retry_count=2) for _ in range(2)]
    later = in_status(memory_app, Status.INTERRUPT, dateretry=memory_app.clock.now() + timedelta(days=1))
    other = in_status(memory_app, Status.RETRY)
    assert run_task(f"{CLEANING}.RequeueInterruptedJobs", {}) == {"requeued": 3, "cancelled": 0}
    assert [document(job)["status"] for job in (*jobs, later, other)] == ["queued"] * 3 + ["retry"]
    assert document(jobs[0])["retry_count"] == 2
    assert "dateretry" not in document(later)


def test_retried_jobs_are_requeued_when_their_time_has_come(memory_app: App) -> None:
    now = memory_app.clock.now()
    due = in_status(memory_app, Status.RETRY, retry_count=2, dateretry=now - timedelta(seconds=1))
    later = in_status(memory_app, Status.RETRY, dateretry=now + timedelta(seconds=60))
    assert run_task(f"{CLEANING}.RequeueRetryJobs", {}) == {"requeued": 1, "cancelled": 0}
    assert [document(job)["status"] for job in (due, later)] == ["queued", "retry"]
    assert document(due)["retry_count"] == 2


def test_started_jobs_over_their_time_are_requeued(memory_app: App, living: Any) -> None:
    memory_app.settings.tasks[T] = {"timeout": 200}
    job = started(memory_app, 300, living)
    assert run_task(f"{CLEANING}.RequeueStartedJobs", {"timeout": 110}) == {"requeued": 0, "started": 1}
    assert run_task(f"{CLEANING}.RequeueStartedJobs", {}) == {"requeued": 0, "started": 1}
    assert run_task(f"{CLEANING}.RequeueStartedJobs", {"timeout": 90}) == {"requeued": 1, "started": 1}
    read = document(job)
    assert (read["status"], read["queue"], read["retry_count"]) == ("queued", "q", 0)
    assert read["datequeued"] > read["datestarted"]


def test_a_job_that_may_run_for_ever_is_left_alone(memory_app: App, living: Any) -> None:
    memory_app.settings.tasks[T] = {"timeout": 0}
    started(memory_app, 10**6, living)
    assert run_task(f"{CLEANING}.RequeueStartedJobs", {}) == {"requeued": 0, "started": 1}


def test_started_jobs_without_a_worker_are_requeued(memory_app: App, living: Any) -> None:
    stopped = memory_app.jobs.new_id()
    memory_app.workers.register(WorkerRecord(stopped, "w", memory_app.clock.now(), 30))
    memory_app.workers.stop(stopped, {})
    lost = [started(memory_app, 1, worker) for worker in (memory_app.jobs.new_id(), stopped)]
    kept = started(memory_app, 1, living)
    assert run_task(f"{CLEANING}.RequeueStartedJobs", {}) == {"requeued": 2, "started": 3}
    assert [document(job)["status"] for job in (*lost, kept)] == ["queued"] * 2 + ["started"]


def test_in_a_job_the_started_ones_are_counted_with_itself() -> None:
    job = queue_job(f"{CLEANING}.RequeueStartedJobs", {"timeout": 90})
    run_jobs()
    assert document(job)["result"] == {"requeued": 0, "started": 1}


def test_indexes_are_created(memory_app: App) -> None:
    assert memory_app.jobs.missing_indexes()
    assert run_task("mrq.basetasks.indexes.EnsureIndexes", {}) is None
    assert memory_app.jobs.missing_indexes() == []
