"""What was counted: runs by queue and task, queues, workers, over time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mrq import stats
from mrq.domain.stats import QueueSamples, counted_as
from mrq.domain.status import Status
from mrq_dashboard.access import Viewer, check_everything, check_queue
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import Text, in_range
from mrq_dashboard.presenting import sees_all_of
from mrq_dashboard.routes.jobs import JobId
from mrq_dashboard.services import Given
from mrq_dashboard.shown import storable, utc

router = APIRouter(prefix="/statistics", tags=["statistics"])

T = TypeVar("T")
MOST_TOTALS = 200
MOST_LOOKS, MOST_QUEUES = 60, 100
LATELY = timedelta(hours=1)

Start = Annotated[datetime | None, Query(description="UTC if it has no time zone; the last hour if it is left out")]
End = Annotated[datetime | None, Query(description="now if it is left out")]


class Resolution(StrEnum):
    """The length of a period."""

    AUTO = ""  # by the length of the time
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class By(StrEnum):
    """What totals are about."""

    QUEUE = "queue"
    TASK = "task"


class SpreadModel(BaseModel):
    """How durations are spread, in seconds."""

    count: int
    p50: float
    p95: float
    p99: float
    mean: float


class FiguresModel(BaseModel):
    """The runs of a period."""

    start: datetime | None
    seconds: float
    queue: str | None
    task: str | None
    started: int
    ended: dict[Status, int]
    settled: int
    failed: int
    wait: SpreadModel | None
    run: SpreadModel | None
    arrivals_per_s: float | None
    dropped: int = Field(description="minutes of workers that are missing here")
    growth: float | None = Field(description="bytes by which a run made its process grow; null: not measured")


class FiguresList(BaseModel):
    """Figures, period by period, or one a queue or task."""

    figures: list[FiguresModel]


class FiguresHistory(FiguresList):
    """Figures, period by period, and of all periods in one."""

    whole: FiguresModel


class QueuePointModel(BaseModel):
    """A queue at one moment."""

    at: datetime | None
    waiting: int
    delayed: int
    oldest_wait: float | None
    capped: bool


class QueueHistory(BaseModel):
    """What waited in a queue, once a minute."""

    points: list[QueuePointModel]


class Backlog(BaseModel):
    """What waited in one queue."""

    queue: str
    waiting: list[int | None] = Field(description="at each of the times; null: not known")


class Backlogs(BaseModel):
    """What waited in queues."""

    at: list[datetime | None]
    queues: list[Backlog]


class FleetPointModel(BaseModel):
    """All workers in a period, on average."""

    start: datetime | None
    workers: float
    cpu: float = Field(description="cores in use")
    rss: float = Field(description="bytes")
    busy: float
    greenlets: float


class FleetHistory(BaseModel):
    """All workers, period by period."""

    points: list[FleetPointModel]


class WorkerPointModel(BaseModel):
    """A minute of one worker."""

    start: datetime | None
    cpu: float = Field(description="share of one core")
    rss: int = Field(description="bytes")
    busy: float
    greenlets: int


class WorkerHistory(BaseModel):
    """One worker, minute by minute."""

    points: list[WorkerPointModel]


class DeployModel(BaseModel):
    """A version of the code went live."""

    version: str
    at: datetime | None


class DeployList(BaseModel):
    """Deploys, oldest first."""

    deploys: list[DeployModel]


@router.get("")
def get_statistics(
    who: Viewer,
    queue: Annotated[Text | None, Query()] = None,
    task: Annotated[Text | None, Query()] = None,
    start: Start = None,
    end: End = None,
    resolution: Resolution = Resolution.AUTO,
) -> FiguresHistory:
    """The runs of a queue, a task, both, or of all, period by period, and of the whole time."""
    if queue is None:
        check_everything(who)
    else:
        check_queue(who, counted_as(queue))  # whose figures are shown: subqueues are counted together
    since, until = in_range(start), in_range(end)
    found, whole = _asked(lambda: stats.figures_and_whole(queue, task, since, until, resolution.value))
    return FiguresHistory(figures=[_figures(each) for each in found], whole=_figures(whole))


@router.get("/totals")
def get_totals(
    who: Viewer,
    by: By = By.QUEUE,
    queue: Annotated[Text | None, Query(description="only what ran of this one")] = None,
    start: Start = None,
    end: End = None,
    resolution: Resolution = Resolution.AUTO,
) -> FiguresList:
    """The runs of the whole time, one entry a queue, or a task, the busiest first."""
    if queue is not None:
        check_queue(who, counted_as(queue))
    elif by is By.TASK:
        check_everything(who)
    since, until = in_range(start), in_range(end)
    found = _asked(lambda: stats.totals(by.value, since, until, resolution.value, queue))
    seen = [each for each in found if each.queue is None or who.sees(each.queue)]
    return FiguresList(figures=[_figures(each) for each in seen[:MOST_TOTALS]])


@router.get("/queue")
def get_queue_history(
    who: Viewer, name: Annotated[Text, Query()], start: Start = None, end: End = None
) -> QueueHistory:
    """What waited in a queue."""
    check_queue(who, counted_as(name))
    since, until = in_range(start), in_range(end)
    found = _asked(lambda: stats.queue_history(name, since, until))
    return QueueHistory(
        points=[
            QueuePointModel(
                at=utc(each.at), waiting=each.waiting, delayed=each.delayed, oldest_wait=each.oldest_wait,
                capped=each.capped,
            )
            for each in found
        ]
    )  # fmt: skip


@router.get("/backlogs")
def get_backlogs(given: Given, who: Viewer) -> Backlogs:
    """What waited in each queue in the last hour, minute by minute; the fullest queues, at most 100."""
    now = given.now()
    looks = given.mrq.stats_store.samples(now - LATELY, now, MOST_LOOKS)
    names = {name for look in looks for name in look.backlogs if who.sees(name)}
    lines = [Backlog(queue=storable(name), waiting=[_waiting(look, name) for look in looks]) for name in names]
    lines.sort(key=lambda line: -max(many or 0 for many in line.waiting))
    return Backlogs(at=[utc(look.start) for look in looks], queues=lines[:MOST_QUEUES])


def _waiting(look: QueueSamples, queue: str) -> int | None:
    found = look.of(queue)
    return None if found is None else found.waiting + found.delayed


@router.get("/fleet")
def get_fleet_history(
    who: Viewer, start: Start = None, end: End = None, resolution: Resolution = Resolution.AUTO
) -> FleetHistory:
    """All workers together, whatever they serve."""
    check_everything(who)
    since, until = in_range(start), in_range(end)
    found = _asked(lambda: stats.fleet_history(since, until, resolution.value))
    return FleetHistory(
        points=[
            FleetPointModel(
                start=utc(each.start), workers=each.workers, cpu=each.cpu, rss=each.rss, busy=each.busy,
                greenlets=each.greenlets,
            )
            for each in found
        ]
    )  # fmt: skip


@router.get("/deploys")
def get_deploys(_who: Viewer, start: Start = None, end: End = None) -> DeployList:
    """When which version of the code was deployed, as `mrq mark-deploy` was told; the newest 200, oldest first."""
    since, until = in_range(start), in_range(end)
    found = _asked(lambda: stats.deploys(since, until))
    return DeployList(deploys=[DeployModel(version=storable(each.version), at=utc(each.at)) for each in found])


@router.get("/workers/{worker_id}")
def get_worker_history(
    given: Given, who: Viewer, worker_id: JobId, start: Start = None, end: End = None
) -> WorkerHistory:
    """One worker, in the last six hours."""
    if who.queues is not None:
        worker = given.mrq.workers.fetch(given.mrq.jobs.parse_id(worker_id))
        if worker is None or not sees_all_of(who, worker):
            raise RefusedError(404, "not_found", f"there is no worker {worker_id} that serves only your queues")
    since, until = in_range(start), in_range(end)
    found = _asked(lambda: stats.worker_history(worker_id, since, until))
    return WorkerHistory(
        points=[
            WorkerPointModel(
                start=utc(each.start), cpu=each.cpu, rss=each.rss, busy=each.busy, greenlets=each.greenlets
            )
            for each in found
        ]
    )


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except (ValueError, OverflowError) as error:
        raise RefusedError(422, "invalid", str(error)[:500]) from None


def _figures(found: Any) -> FiguresModel:
    def spread(each: Any) -> SpreadModel | None:
        if each is None:
            return None
        return SpreadModel(count=each.count, p50=each.p50, p95=each.p95, p99=each.p99, mean=each.mean)

    return FiguresModel(
        start=utc(found.start),
        seconds=found.seconds,
        queue=None if found.queue is None else storable(found.queue),
        task=None if found.path is None else storable(found.path),
        started=found.started,
        ended=dict(found.ended),
        settled=found.settled,
        failed=found.failed,
        wait=spread(found.wait),
        run=spread(found.run),
        arrivals_per_s=found.arrivals_per_s,
        dropped=found.dropped,
        growth=found.growth,
    )
