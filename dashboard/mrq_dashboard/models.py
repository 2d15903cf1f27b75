"""What the API answers. Times are in UTC, durations in seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from mrq.domain.queuename import QueueType
from mrq.domain.status import Status
from mrq_dashboard.failuremodels import FailureGroup
from mrq_dashboard.identity import How, Role


class Count(BaseModel):
    """How many there are; if not exact, at least so many (or about so many, where all jobs are meant)."""

    jobs: int
    exact: bool


class GroupCounts(BaseModel):
    """Jobs by groups of statuses."""

    waiting: Count
    running: Count
    success: Count
    failed: Count = Field(description="failed, timeout, maxretries")
    returning: Count = Field(description="retry, interrupt")
    off: Count = Field(description="cancel, abort, maxconcurrency")


class Link(BaseModel):
    """A pattern in tracebacks, and the address to link it to."""

    pattern: str
    url: str


class Session(BaseModel):
    """Who asks, and what the page needs to know before it can show anything."""

    user: str | None = Field(description="null: nobody is logged in")
    role: Role | None
    how: How | None
    queues: list[str] | None = Field(description="null: all queues")
    csrf_token: str | None = Field(description="to be sent as X-CSRF-Token with each request that changes something")
    can_log_in: bool = Field(description="whether there are users with passwords")
    has_provider: bool = Field(description="whether people log in by OpenID Connect, at /oidc/login")
    environment: str
    version: str
    links: list[Link]


class JobSummary(BaseModel):
    """A job in a list."""

    id: str
    task: str
    queue: str
    status: Status
    params: Any = Field(description="cut and without secrets")
    created: datetime | None = Field(description="when its id was made")
    queued: datetime | None
    due: datetime | None
    started: datetime | None
    updated: datetime | None
    retry_at: datetime | None
    expires: datetime | None
    worker: str | None
    seconds: float | None = Field(description="the last run took so long")
    progress: float | None
    retries: int
    exceptiontype: str | None


class JobPageModel(BaseModel):
    """One page of jobs. It may be shorter than asked for and still have a `next`."""

    jobs: list[JobSummary]
    next: str | None = Field(description="give it as `after` to go on; null: that was all")
    looked_at: int = Field(description="a page or a count looks at so many jobs, at most")


class Attempt(BaseModel):
    """A run that didn't end well."""

    date: datetime | None
    status: str
    exceptiontype: str | None
    traceback: str | None
    original_traceback: str | None
    worker: str | None


class IoUsed(BaseModel):
    """What a run waited for, of one kind."""

    type: str = Field(description="such as mongodb.find or http.get; other: all that is not told of alone")
    seconds: float
    calls: int


class Run(BaseModel):
    """A run, whatever became of it."""

    queued: datetime | None
    started: datetime | None
    ended: datetime | None = Field(description="null: it runs")
    end: str | None = Field(description="as statuses are called; also `lost` with its worker, or `handed back` by it")
    worker: str | None
    exceptiontype: str | None
    message: str | None
    cpu: float | None = Field(description="seconds that it had the processor, where that is traced")
    io: list[IoUsed] | None = Field(
        description="what it waited for, the longest first, at most ten kinds; null: nothing, or its worker didn't "
        "trace that. Waits of sub-pools overlap, so all may be longer than the run"
    )
    deploy: str | None = Field(description="version of the code, where workers know it")


class WaitNow(BaseModel):
    """What a job waits for."""

    type: str = Field(description="such as mongodb.find or http.get")
    data: Any = Field(description="what of it, such as a collection or an address; cut and without secrets")
    started: datetime | None


class RunningNow(BaseModel):
    """What a worker is at."""

    id: str
    task: str
    started: datetime | None
    stack: list[str]
    io: WaitNow | None = Field(None, description="what it waits for; null: nothing, or its worker doesn't trace that")


class JobDetail(JobSummary):
    """A job, whole."""

    result: Any = Field(description="cut and without secrets")
    traceback: str | None
    fingerprint: str | None = Field(description="the group of failures in which its last run is, if it failed")
    attempts: list[Attempt]
    runs: list[Run] = Field(description="the last 30, oldest first; the last one may still run")
    parent: str | None = Field(description="the job that queued it")
    losses: int = Field(description="workers that died while it ran")
    left_to_containers: bool = Field(description="no burst takes it: their ends have cut it short too often")
    raw_queue: str | None
    running: RunningNow | None = Field(description="where it is now, as its worker said last")
    command: str = Field(description="runs the same again")


class Children(BaseModel):
    """Jobs that a job has queued, oldest first."""

    jobs: list[JobSummary]
    more: bool = Field(description="whether there are more than these")


class LogMarkModel(BaseModel):
    """What is known of a line of a log."""

    time: datetime | None
    level: str | None
    rows: int = Field(description="of the text that it takes: with a traceback it is several")
    run: datetime | None = Field(None, description="when the run of the job began that wrote it, as in `runs`")


class LogLines(BaseModel):
    """Some lines of a log."""

    text: str
    marks: list[LogMarkModel] = Field(description="of the lines in `text`, in their order")
    next: str | None = Field(description="give it as `after` to go on from here, now or later")
    more: bool = Field(description="whether there are more lines already")


class LogLineModel(BaseModel):
    """A line of a log, or several with a traceback."""

    time: datetime | None
    level: str | None
    text: str
    job: str | None
    run: datetime | None = Field(description="when the run of the job began, as in its attempts")
    worker: str | None


class LogPageModel(BaseModel):
    """Lines, newest first."""

    lines: list[LogLineModel]
    next: str | None = Field(description="give it as `before` for older ones; there may be some though this has none")


class SubqueueSize(BaseModel):
    """A subqueue and what waits in it."""

    name: str
    size: Count


class QueueModel(BaseModel):
    """A queue."""

    name: str
    type: QueueType
    waiting: Count
    lately: int | None = Field(
        description="if `waiting` is not exact: what was there when the statistics looked last, minutes ago at most"
    )
    due: Count | None = Field(description="of a timed set: what could be taken now")
    running: int
    paused: bool
    paused_by: str | None = Field(description="who paused it here, if it was done here")
    reason: str | None
    oldest: datetime | None = Field(description="since when the first one waits")
    workers: int = Field(description="workers that serve it")
    grows: bool = Field(description="more and more has waited in it for a quarter of an hour, though workers serve it")
    max_concurrency: int | None = Field(description="so many of its jobs, those of subqueues included, run at once")
    limit_is_own: bool = Field(description="max_concurrency was set at run time, not in the configuration")


class Queues(BaseModel):
    """All known queues, at most 500."""

    queues: list[QueueModel]
    complete: bool


class QueueDetail(QueueModel):
    """One queue."""

    subqueues: list[SubqueueSize]
    retry_queue: str
    config: Any


class Head(BaseModel):
    """What leaves a queue next: jobs, or of a raw queue payloads."""

    jobs: list[JobSummary]
    payloads: list[str]


class Slice(BaseModel):
    """How many scores are in a range: from `start` (included) to `end`. null: no bound."""

    start: float | None
    end: float | None
    jobs: int


class Distribution(BaseModel):
    """The scores of a sorted or timed set."""

    slices: list[Slice]


class WorkerJob(RunningNow):
    """A job of a worker."""


class IoTotal(BaseModel):
    """How long jobs have waited for something."""

    name: str
    seconds: float


class IoTotals(BaseModel):
    """What the jobs of a worker have waited for since it started, the largest ten of each."""

    total: float
    types: list[IoTotal]
    tasks: list[IoTotal]


class WorkerModel(BaseModel):
    """A worker."""

    id: str
    name: str
    status: str
    queues: list[str]
    greenlets: int
    started: datetime | None
    reported: datetime | None
    silent: float = Field(description="seconds since its last sign of life, by this host's clock")
    is_late: bool = Field(description="its lease has run out, so its jobs are about to be rescued")
    lease: float | None
    done_jobs: int
    pid: int | None
    cpu_percent: float | None
    memory: int | None = Field(description="bytes")
    host: str | None
    group: str | None
    quiet: bool = Field(description="it was told to take no jobs")
    is_burst: bool = Field(description="it has a stated end: a burst")
    io: IoTotals | None = Field(description="null: it doesn't trace that, or serves queues that you may not see")
    busy: int = Field(description="jobs that it runs")
    jobs: list[WorkerJob] = Field(description="some of them; in lists of workers without their stacks")
    config: Any = Field(None, description="settings that it tells of; null in lists, and where you may not see them")


class Workers(BaseModel):
    """Workers that live, at most 500."""

    workers: list[WorkerModel]
    complete: bool


class Done(BaseModel):
    """It is done."""

    done: bool = True


class JobCreated(BaseModel):
    """A job was queued."""

    id: str


class Severity(StrEnum):
    """How urgent something is."""

    BAD = "bad"
    WARNING = "warning"


class Attention(BaseModel):
    """Something that somebody should look at."""

    kind: str = Field(
        description="failures, silent_worker, unserved_queue, growing_queue, paused_queue, late_schedule, no_index"
    )
    severity: Severity
    target: str
    text: str
    since: datetime | None


class Figures(BaseModel):
    """The numbers of the overview."""

    waiting: Count
    running: Count
    failed: Count
    returning: Count
    jobs: Count
    workers: int
    greenlets: int
    busy: int


class Overview(BaseModel):
    """The first page."""

    at: datetime
    attention: list[Attention]
    calm_since: datetime | None = Field(
        description="since when nothing has needed attention, as far as pages have asked without a break; null: "
        "something does"
    )
    figures: Figures
    queues: list[QueueModel]
    failures: list[FailureGroup]
    workers: list[WorkerModel]


def utc_of(id_seconds: int) -> datetime:
    """The time of unix seconds."""
    return datetime.fromtimestamp(id_seconds, UTC)
