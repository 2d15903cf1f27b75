"""Bulk control and the tasks of mrq.basetasks on real servers, through a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import get_app
from mrq.domain.status import Status
from mrq.job import Job, jobs_matching, queue_job, queue_jobs
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from mrq.app import App

ACTION = "mrq.basetasks.utils.JobAction"
CLEANING = "mrq.basetasks.cleaning"
ADD = "unit.face.sampletasks.add"

pytestmark = pytest.mark.usefixtures("app")


def result(path: str, params: dict[str, Any], queue: str = "cleaning") -> dict[str, Any]:
    """Run a task as a job of a worker."""
    job = queue_job(path, params, queue=queue)
    run_jobs(queue, greenlets=1, app=get_app())
    done: dict[str, Any] = Job(job).wait(timeout=10)
    assert done["status"] == "success", Job(job).fetch().data
    found: dict[str, Any] = done["result"]
    return found


def statuses(*jobs: Any) -> list[str]:
    return [(Job(job).fetch().data or {})["status"] for job in jobs]


def test_jobs_of_a_path_are_cancelled_by_a_job() -> None:
    first = queue_job(ADD, {"a": 1})
    run_jobs(app=get_app())
    second = queue_job(ADD, {"a": 2}, queue="other")
    assert result(ACTION, {"path": ADD, "status": "queued", "action": "cancel"}) == {"requeued": 0, "cancelled": 1}
    later = queue_job(ADD, {"a": 3}, queue="other")
    assert statuses(first, second, later) == ["success", "cancel", "queued"]
    data = Job(second).fetch().data or {}
    assert data["dateexpires"] > data["dateupdated"]


@pytest.mark.parametrize(("about", "many"), [({"queue": "q1"}, 2), ({"params": '{"a": 44}'}, 1), ({"path": ADD}, 3)])
def test_jobs_are_cancelled_and_requeued_by_filter(about: dict[str, Any], many: int) -> None:
    queue_jobs(ADD, [{"a": 44}, {"a": 45}], queue="q1")
    queue_jobs(ADD, [{"a": 46}], queue="main/x")
    assert result(ACTION, {"action": "cancel", "status": "queued", **about})["cancelled"] == many
    assert result(ACTION, {"action": "requeue", **about})["requeued"] == many


def test_cleaning_brings_back_what_is_due(app: App) -> None:
    now = app.clock.now()
    collection = app._database.mrq_jobs
    jobs = queue_jobs(ADD, [{"a": n} for n in range(4)], queue="noexec")
    changes: list[dict[str, Any]] = [
        {"status": "interrupt"},
        {"status": "retry", "retry_count": 2, "dateretry": now - timedelta(seconds=1)},
        {"status": "retry", "dateretry": now + timedelta(seconds=600)},
        {"status": "started", "datestarted": now, "worker": app.jobs.new_id(), "claim": app.jobs.new_id()},
    ]
    for job, change in zip(jobs, changes, strict=True):
        collection.update_one({"_id": job}, {"$set": change})
    assert run_here(f"{CLEANING}.RequeueRetryJobs") == {"requeued": 1, "cancelled": 0}
    assert run_here(f"{CLEANING}.RequeueInterruptedJobs") == {"requeued": 1, "cancelled": 0}
    assert run_here(f"{CLEANING}.RequeueStartedJobs") == {"requeued": 1, "started": 1}
    assert statuses(*jobs) == ["queued", "queued", "retry", "queued"]
    assert (Job(jobs[1]).fetch().data or {})["retry_count"] == 2
    assert result(f"{CLEANING}.RequeueStartedJobs", {"timeout": 90}) == {"requeued": 0, "started": 1}


def run_here(path: str) -> Any:
    """Without a worker: its maintenance brings jobs back as well."""
    from mrq.context import run_task

    return run_task(path, {})


def test_many_jobs_are_moved_in_bounded_batches(app: App) -> None:
    queue_jobs(ADD, [{"a": n} for n in range(2500)], queue="big")
    matching = jobs_matching(queue="big")
    steps: list[int] = []
    assert matching.count() == 2500
    done = matching.cancel(progress=lambda result: steps.append(result.found))
    assert (done.moved, steps) == (2500, [1000, 2000, 2500])
    assert matching.requeue("again", batch_size=2000).moved == 2500
    assert app.jobs.count_by_queue(Status.QUEUED) == {"again": 2500}


def test_indexes_are_made_by_a_task(app: App) -> None:
    app._database.mrq_jobs.drop_indexes()
    assert app.jobs.missing_indexes()
    assert run_here("mrq.basetasks.indexes.EnsureIndexes") is None
    assert app.jobs.missing_indexes() == []
    assert "dateexpires_1" in app._database.mrq_keys.index_information()


def test_a_job_is_started_and_run_by_hand_on_real_servers(app: App) -> None:
    job = Job(queue_job(ADD, {"a": 1}), start=True)
    assert job.collection is not None
    assert job.collection.find_one({"_id": job.id})["status"] == "started"
    assert job.perform() == 2
    assert job.collection.find_one({"_id": job.id})["status"] == "success"
    (inserted,) = Job.insert([{"path": ADD, "params": {"a": 1}, "status": "started"}])
    assert inserted.perform() == 2
    assert statuses(inserted.id) == ["success"]
