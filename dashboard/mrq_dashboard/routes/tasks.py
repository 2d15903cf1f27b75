"""Tasks, and queueing a job of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from mrq.domain.queuename import waiting_place
from mrq.job import queue_job
from mrq_dashboard.access import Operator, Viewer, check_queue
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import Text, is_storable
from mrq_dashboard.identity import Role
from mrq_dashboard.models import JobCreated
from mrq_dashboard.returned import check_whole
from mrq_dashboard.services import Given
from mrq_dashboard.shown import storable
from mrq_dashboard.tasks import known_tasks, params_schema

router = APIRouter(tags=["tasks"])

OWN = "mrq."


class TaskModel(BaseModel):
    """A task that is known of."""

    name: str
    queue: str
    sources: list[str] = Field(description="from where it is known: config, schedules, workers, jobs")


class TaskList(BaseModel):
    """Known tasks by name, at most 500."""

    tasks: list[TaskModel]


class TaskDetail(TaskModel):
    """One task."""

    description: str | None = Field(description="its docstring, or why it can't be imported here")
    params: dict[str, Any] | None = Field(description="a JSON schema; null: not known")
    options: Any = Field(description="time-outs in seconds, retries, limits")


@router.get("/tasks")
def list_tasks(given: Given, who: Viewer) -> TaskList:
    """Tasks of the configuration, of schedules, and of the newest jobs."""
    models = [
        TaskModel(name=storable(path), queue=given.mrq.queue_of(path), sources=sources)
        for path, sources in known_tasks(given).items()
    ]
    return TaskList(tasks=[model for model in models if who.sees(model.queue)])


@router.get("/tasks/detail")
def get_task(given: Given, who: Viewer, name: Annotated[Text, Query()]) -> TaskDetail:
    """One task: what its jobs may be given, and what is set for it."""
    sources, queue = known_tasks(given).get(name), given.mrq.queue_of(name)
    if sources is None or not who.sees(queue):
        raise RefusedError(404, "not_found", f"no task {name!r} is known; put it into TASKS, or queue a job of it")
    schema, text = params_schema(given, name)
    options = given.mrq.tasks.options(name)
    shown = {each: getattr(options, each) for each in options.__slots__}
    return TaskDetail(
        name=name, queue=queue, sources=sources, description=text, params=schema, options=given.shower.value(shown)
    )


class NewJob(BaseModel):
    """A job to queue."""

    model_config = ConfigDict(extra="forbid")

    task: Text
    params: dict[str, Any] = {}
    queue: Text | None = Field(None, description="null: the task's own")
    delay: Annotated[float, Field(ge=0, le=1e8)] | None = Field(None, description="seconds before it may start")
    due: datetime | None = Field(None, description="not to be started before, instead of delay")
    reason: str = Field("", max_length=500)


@router.post("/jobs")
def create_job(given: Given, who: Operator, wish: NewJob) -> JobCreated:
    """Queue a job. Tasks that nobody has used yet, and MRQ's own, are for administrators."""
    queue = waiting_place(wish.queue or given.mrq.queue_of(wish.task)).id
    check_queue(who, queue)
    if not who.may(Role.ADMIN) and (wish.task.startswith(OWN) or wish.task not in known_tasks(given)):
        raise RefusedError(403, "role", f"{wish.task!r} is not among the known tasks, so it takes an administrator")
    if not is_storable(wish.params):
        raise RefusedError(422, "invalid", "params: a job can't have these")
    check_whole(wish.params)
    if wish.delay is not None and wish.due is not None:
        raise RefusedError(422, "invalid", "give delay or due, not both")
    job = queue_job(wish.task, wish.params, queue, delay=wish.delay, due=_in_range(wish.due))
    about = {"task": wish.task, "queue": queue, "params": wish.params}
    given.note(who, "job.create", str(job), about, reason=wish.reason, count=1)
    return JobCreated(id=str(job))


def _in_range(due: datetime | None) -> datetime | None:
    if due is None:
        return None
    try:
        return due.astimezone(UTC) if due.tzinfo is not None else due
    except OverflowError:
        raise RefusedError(422, "invalid", "due: out of range") from None
