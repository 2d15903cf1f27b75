"""Jobs: lists, one, its logs; requeue, cancel, queue a new one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mrq.domain.change import after
from mrq.domain.job import JobRecord
from mrq.domain.joblist import Order
from mrq.domain.queuename import waiting_place
from mrq.domain.status import Status
from mrq.exceptions import JobNotFoundError
from mrq.ports.joblists import LOOKED_AT
from mrq.ports.reports import FAILED
from mrq_dashboard.access import Operator, Viewer, check_queue
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import JobFilterModel, Text, query_of
from mrq_dashboard.identity import Principal
from mrq_dashboard.loglines import LogCursor, LogLevel, log_lines
from mrq_dashboard.marks import mark_of, text_of
from mrq_dashboard.models import Children, Count, Done, GroupCounts, JobDetail, JobPageModel, LogLines
from mrq_dashboard.presenting import detail, summary
from mrq_dashboard.services import Given, Services

router = APIRouter(tags=["jobs"])

MOST_CHILDREN = 20
GROUPS = {
    "waiting": (Status.QUEUED,),
    "running": (Status.STARTED,),
    "success": (Status.SUCCESS,),
    "failed": tuple(FAILED),
    "returning": (Status.RETRY, Status.INTERRUPT),
    "off": (Status.CANCEL, Status.ABORT, Status.MAXCONCURRENCY),
}
JobId = Annotated[str, Field(max_length=100)]


class JobListQuery(JobFilterModel):
    """Which jobs, and which page of them."""

    limit: int = Field(50, ge=1, le=200)
    after: str | None = Field(None, max_length=2000, description="`next` of the page before")
    order: Order = Field(Order.NEWEST, description="`place`: only for queued jobs of one queue, the next one first")


@router.get("/jobs")
def list_jobs(given: Given, who: Viewer, asked: Annotated[JobListQuery, Query()]) -> JobPageModel:
    """Jobs that fit, a page at a time."""
    query = query_of(given.mrq, who, given.shower, asked)
    mark = mark_of(asked.after, given.mrq.jobs)
    try:
        page = given.mrq.job_lists.page(query, asked.order, asked.limit, mark)
    except ValueError as error:
        raise RefusedError(422, "invalid", str(error)) from None
    return JobPageModel(
        jobs=[summary(job, given.shower) for job in page.jobs], next=text_of(page.next), looked_at=LOOKED_AT
    )


@router.get("/jobs/count")
def count_jobs(given: Given, who: Viewer, asked: Annotated[JobFilterModel, Query()]) -> Count:
    """How many jobs fit, as far as they were counted."""
    return count_of(given, who, asked)


@router.get("/jobs/counts")
def count_by_status(given: Given, who: Viewer, asked: Annotated[JobFilterModel, Query()]) -> GroupCounts:
    """How many jobs that fit are in which group of statuses, as far as they were counted; `status` is not looked at."""
    found = {
        name: count_of(given, who, asked.model_copy(update={"status": list(statuses)}))
        for name, statuses in GROUPS.items()
    }
    return GroupCounts(**found)


def count_of(given: Services, who: Principal, asked: JobFilterModel) -> Count:
    """See count_jobs."""
    found = given.mrq.job_lists.count(query_of(given.mrq, who, given.shower, asked))
    return Count(jobs=found.jobs, exact=found.exact)


@router.get("/jobs/{job_id}")
def get_job(given: Given, who: Viewer, job_id: JobId) -> JobDetail:
    """A job, with its tracebacks, its result and where it is now."""
    job = visible_job(given, who, job_id)
    runs = job.status is Status.STARTED and job.worker is not None
    worker = given.mrq.workers.fetch(job.worker) if runs and job.worker is not None else None
    return detail(job, given.shower, worker)


@router.get("/jobs/{job_id}/children")
def get_children(given: Given, who: Viewer, job_id: JobId) -> Children:
    """Jobs that it has queued, the first twenty."""
    job = visible_job(given, who, job_id)
    names = given.mrq.jobs.children(job.id, MOST_CHILDREN + 1)
    found = [given.mrq.jobs.fetch(name) for name in names[:MOST_CHILDREN]]
    seen = [child for child in found if child is not None and who.sees(child.queue)]
    return Children(jobs=[summary(child, given.shower) for child in seen], more=len(names) > MOST_CHILDREN)


@router.get("/jobs/{job_id}/logs")
def get_job_logs(
    given: Given, who: Viewer, job_id: JobId, after: LogCursor = None, level: LogLevel = "DEBUG"
) -> LogLines:
    """Its log from the beginning, or from where an earlier answer ended."""
    job = visible_job(given, who, job_id)
    return log_lines(given, after, level, job=job.id)


class Requeue(BaseModel):
    """Where a job goes, and why."""

    queue: Text | None = Field(None, description="null: to its own")
    reason: str = Field("", max_length=500)


class Reason(BaseModel):
    """Why."""

    reason: str = Field("", max_length=500)


@router.post("/jobs/{job_id}/requeue")
def requeue_job(given: Given, who: Operator, job_id: JobId, wish: Requeue) -> Done:
    """Queue it again, at the end of its queue."""
    job, now = visible_job(given, who, job_id), given.now()
    target = job.queue if wish.queue is None else waiting_place(wish.queue).id
    check_queue(who, target)
    fields = {"queue": target, "datequeued": now, "retry_count": 0}
    moved = given.mrq.jobs.move(job.id, Status.QUEUED, now, fields)
    if moved:
        given.mrq.enqueuer.call_for([target])
    return _noted(given, who, "job.requeue", job, wish.reason, moved=moved)


@router.post("/jobs/{job_id}/cancel")
def cancel_job(given: Given, who: Operator, job_id: JobId, wish: Reason) -> Done:
    """Call it off. A run that has begun goes on, but its end is not written."""
    job, now = visible_job(given, who, job_id), given.now()
    fields = {"dateexpires": after(now, given.mrq.tasks.options(job.path).cancel_ttl)}
    return _noted(
        given, who, "job.cancel", job, wish.reason, moved=given.mrq.jobs.move(job.id, Status.CANCEL, now, fields)
    )


def _noted(given: Services, who: Principal, what: str, job: JobRecord, reason: str, *, moved: bool) -> Done:
    about = {"task": job.path, "queue": job.queue, "status": job.status.value}
    given.note(who, what, str(job.id), about, reason=reason, count=int(moved), outcome="done" if moved else "refused")
    if not moved:
        raise RefusedError(409, "status", f"a job that is {job.status} can't be moved so; look again")
    return Done()


def visible_job(given: Services, who: Principal, job_id: str) -> JobRecord:
    """A job, if there is one, and if somebody may see it."""
    job = given.mrq.jobs.fetch(given.mrq.jobs.parse_id(job_id))
    if job is None or not who.sees(job.queue):
        raise JobNotFoundError(f"there is no job {job_id} (it may have expired)")
    return job
