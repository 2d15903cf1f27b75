"""Workers. Agents and worker groups join them here once there are some."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from mrq_dashboard.access import Viewer
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.models import LogLines, WorkerModel, Workers
from mrq_dashboard.presenting import worker_model
from mrq_dashboard.queues import MOST_WORKERS
from mrq_dashboard.routes.jobs import JobId, log_lines
from mrq_dashboard.services import Given

router = APIRouter(tags=["workers"])


@router.get("/workers")
def list_workers(given: Given, who: Viewer) -> Workers:
    """Workers that live, the silent ones first."""
    found = given.mrq.workers.alive(MOST_WORKERS)
    models = [worker_model(worker, given.shower, who, given.now()) for worker in found]
    models.sort(key=lambda worker: (not worker.is_late, worker.name, worker.id))
    return Workers(workers=models, complete=len(found) < MOST_WORKERS)


@router.get("/workers/{worker_id}")
def get_worker(given: Given, who: Viewer, worker_id: JobId) -> WorkerModel:
    """A worker; one that has gone is known for an hour."""
    found = given.mrq.workers.fetch(given.mrq.jobs.parse_id(worker_id))
    if found is None:
        raise RefusedError(404, "not_found", f"there is no worker {worker_id}; one that has gone is known for an hour")
    return worker_model(found, given.shower, who, given.now())


@router.get("/workers/{worker_id}/logs")
def get_worker_logs(
    given: Given, who: Viewer, worker_id: JobId, after: Annotated[str | None, Query(max_length=100)] = None
) -> LogLines:
    """What it wrote itself, outside of jobs."""
    if who.queues is not None:
        raise RefusedError(403, "scope", f"{who.name} sees single queues only; a worker's log is about all of them")
    return log_lines(given, after, worker=given.mrq.jobs.parse_id(worker_id))
