"""Bulk actions in the background."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mrq.domain.joblist import JobQuery
from mrq.domain.queuename import waiting_place
from mrq.domain.status import FINAL, SETTLED, Status
from mrq.ports.operations import Operation, OperationState
from mrq_dashboard.access import Operator, Viewer, check_queue
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import JobFilterModel, Text, filter_for_action
from mrq_dashboard.identity import Principal
from mrq_dashboard.models import Count, Done
from mrq_dashboard.operations import Action, about_of, scope_of
from mrq_dashboard.routes.jobs import JobId
from mrq_dashboard.services import Given, Services
from mrq_dashboard.shown import utc

router = APIRouter(tags=["actions"])

Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str | None, Query(max_length=100, description="`next` of the page before")]
_DEFAULTS = {Action.CANCEL: frozenset(Status) - SETTLED, Action.REQUEUE: FINAL}


class OperationWish(BaseModel):
    """What to do with which jobs. `dry_run`: only count them."""

    action: Action
    filter: JobFilterModel
    queue: Text | None = Field(None, description="Where requeued jobs go; null: to the queue of each")
    reason: str = Field("", max_length=500)
    dry_run: bool = True


class OperationModel(BaseModel):
    """A bulk action, and how far it is."""

    id: str
    action: str
    filter: Any
    queue: str | None
    who: str
    reason: str
    state: OperationState
    total: Count = Field(description="jobs that fitted when it began")
    moved: int
    found: int
    started: datetime | None
    updated: datetime | None
    error: str | None


class OperationAnswer(BaseModel):
    """How many jobs are meant, and the operation unless it was a dry run."""

    total: Count
    operation: OperationModel | None


class OperationPage(BaseModel):
    """Operations, newest first."""

    operations: list[OperationModel]
    next: str | None


@router.post("/operations")
def begin_operation(given: Given, who: Operator, wish: OperationWish) -> OperationAnswer:
    """Count the jobs that are meant, and begin to move them. Without a status: cancel means those that are not
    settled, requeue those that have ended."""
    which = filter_for_action(given.mrq, who, given.shower, wish.filter)
    if wish.action is Action.CANCEL and wish.queue is not None:
        raise RefusedError(422, "invalid", "queue: cancelled jobs go nowhere")
    if wish.queue is not None:
        check_queue(who, waiting_place(wish.queue).id)
    if which.statuses is None:
        which = replace(which, statuses=_DEFAULTS[wish.action])
    counted = given.mrq.job_lists.count(JobQuery(which.movable(wish.action.status)))
    total = Count(jobs=counted.jobs, exact=counted.exact)
    if wish.dry_run:
        return OperationAnswer(total=total, operation=None)
    now, about = given.now(), about_of(wish.filter, who)
    operation = Operation(
        given.mrq.jobs.new_id(), wish.action.value, about, who.name, now, now, wish.queue, wish.reason,
        total=total.jobs, total_is_exact=total.exact,
    )  # fmt: skip
    target = f"operation:{operation.id}"
    given.note(who, f"operation.{wish.action}", target, dict(about), reason=wish.reason, count=total.jobs)
    given.operations.begin(operation)
    return OperationAnswer(total=total, operation=_model(given, operation))


@router.get("/operations")
def list_operations(given: Given, who: Viewer, limit: Limit = 50, after: After = None) -> OperationPage:
    """Bulk actions of the last 30 days, newest first."""
    start = None if after is None else given.mrq.jobs.parse_id(after)
    found = given.mrq.operations.page(limit, start)
    shown = [_model(given, each) for each in found if _is_visible(who, each)]
    return OperationPage(operations=shown, next=str(found[-1].id) if len(found) == limit else None)


@router.get("/operations/{operation_id}")
def get_operation(given: Given, who: Viewer, operation_id: JobId) -> OperationModel:
    """How far one is."""
    found = _fetch(given, who, operation_id)
    given.operations.looked_at(found.id)
    return _model(given, given.mrq.operations.fetch(found.id) or found)


@router.post("/operations/{operation_id}/stop")
def stop_operation(given: Given, who: Operator, operation_id: JobId) -> Done:
    """Stop it after its current batch. What is moved stays moved."""
    found = _fetch(given, who, operation_id)
    if not given.operations.stop(found.id):
        raise RefusedError(409, "status", f"the operation is {found.state}")
    given.note(who, "operation.stop", f"operation:{found.id}")
    return Done()


def _fetch(given: Services, who: Principal, operation_id: str) -> Operation:
    found = given.mrq.operations.fetch(given.mrq.jobs.parse_id(operation_id))
    if found is None or not _is_visible(who, found):
        raise RefusedError(404, "not_found", f"there is no operation {operation_id}; they are kept for 30 days")
    return found


def _is_visible(who: Principal, operation: Operation) -> bool:
    """Whether it is about queues that somebody sees only."""
    if who.queues is None:
        return True
    scope = scope_of(operation.about)
    return scope is not None and all(who.sees(queue) for queue in scope)


def _model(given: Services, operation: Operation) -> OperationModel:
    return OperationModel(
        id=str(operation.id),
        action=operation.action,
        filter=given.shower.value(operation.about.get("filter"), 5_000),
        queue=operation.destination,
        who=operation.who,
        reason=operation.reason,
        state=operation.state,
        total=Count(jobs=operation.total, exact=operation.total_is_exact),
        moved=operation.moved,
        found=operation.found,
        started=utc(operation.started),
        updated=utc(operation.updated),
        error=operation.error,
    )
