"""Workers: what they do, and what they are told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from mrq.domain.orders import LONGEST_PROFILE, MOST_GREENLETS, Verb
from mrq.workers import answer, tell
from mrq_dashboard.access import Operator, Viewer, check_queue
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.loglines import LogCursor, LogLevel, log_lines
from mrq_dashboard.models import LogLines, WorkerModel, Workers
from mrq_dashboard.presenting import sees_some_of, served_queues, worker_model, worker_models
from mrq_dashboard.queues import MOST_WORKERS
from mrq_dashboard.routes.jobs import JobId
from mrq_dashboard.services import Given

router = APIRouter(tags=["workers"])


class OrderWish(BaseModel):
    """What a worker is told. `greenlets` is for resize, `seconds` for profile, `now` for stop."""

    model_config = ConfigDict(extra="forbid")

    verb: Verb
    greenlets: Annotated[int, Field(ge=1, le=MOST_GREENLETS)] | None = None
    seconds: Annotated[float, Field(gt=0, le=LONGEST_PROFILE)] | None = None
    now: bool | None = Field(None, description="interrupt the jobs that run")
    reason: str = Field("", max_length=500)


class OrderGiven(BaseModel):
    """An order that a worker will hear."""

    id: str


class OrderAnswer(BaseModel):
    """What a worker said to an order."""

    text: str | None = Field(description="null: nothing yet; it obeys at its next heartbeat")


@router.get("/workers")
def list_workers(given: Given, who: Viewer) -> Workers:
    """Workers that live, the silent ones first."""
    found = given.mrq.workers.alive(MOST_WORKERS)
    models = worker_models(found, given.shower, who, given.now())
    models.sort(key=lambda worker: (not worker.is_late, worker.name, worker.id))
    return Workers(workers=models, complete=len(found) < MOST_WORKERS)


@router.get("/workers/{worker_id}")
def get_worker(given: Given, who: Viewer, worker_id: JobId) -> WorkerModel:
    """A worker; one that has gone is known for an hour."""
    found = given.mrq.workers.fetch(given.mrq.jobs.parse_id(worker_id))
    if found is None or not sees_some_of(who, found):
        raise _gone(worker_id)
    return worker_model(found, given.shower, who, given.now())


@router.get("/workers/{worker_id}/logs")
def get_worker_logs(
    given: Given, who: Viewer, worker_id: JobId, after: LogCursor = None, level: LogLevel = "DEBUG"
) -> LogLines:
    """What it wrote itself, outside of jobs."""
    if who.queues is not None:
        raise RefusedError(403, "scope", f"{who.name} sees single queues only; a worker's log is about all of them")
    return log_lines(given, after, level, worker=given.mrq.jobs.parse_id(worker_id))


@router.post("/workers/{worker_id}/orders")
def tell_worker(given: Given, who: Operator, worker_id: JobId, wish: OrderWish) -> OrderGiven:
    """Tell a worker to take no more jobs, to take them again, to end, to run more or fewer at once, or to make a
    profile."""
    worker = given.mrq.workers.fetch(given.mrq.jobs.parse_id(worker_id))
    if worker is None:
        raise _gone(worker_id)
    for queue in served_queues(worker):
        check_queue(who, queue.removesuffix("_reverse"))
    arguments = {name: value for name in ("greenlets", "seconds", "now") if (value := getattr(wish, name)) is not None}
    try:
        order = tell(worker_id, wish.verb, **arguments)
    except ValueError as error:
        raise RefusedError(422, "invalid", str(error)) from None
    outcome = "refused" if order is None else "done"
    given.note(who, f"worker.{wish.verb}", f"worker:{worker_id}", arguments, reason=wish.reason, outcome=outcome)
    if order is None:
        raise _gone(worker_id)
    return OrderGiven(id=str(order))


@router.get("/workers/{worker_id}/orders/{order_id}")
def get_order(given: Given, who: Viewer, worker_id: JobId, order_id: JobId) -> OrderAnswer:
    """What the worker said to it."""
    worker = given.mrq.workers.fetch(given.mrq.jobs.parse_id(worker_id))
    if worker is None:
        raise _gone(worker_id)
    for queue in served_queues(worker):
        check_queue(who, queue.removesuffix("_reverse"))
    said = answer(worker_id, order_id)
    return OrderAnswer(text=None if said is None else given.shower.text(said, 1_000))


def _gone(worker_id: str) -> RefusedError:
    return RefusedError(404, "not_found", f"there is no worker {worker_id}; one that has gone is known for an hour")
