"""The first page: what needs attention, and the figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter

from mrq.domain.jobfilter import JobFilter
from mrq.domain.joblist import JobQuery
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.ports.reports import FAILED
from mrq_dashboard.access import Viewer
from mrq_dashboard.failures import failure_groups
from mrq_dashboard.growth import MOST_LOOKS, WINDOW, growth
from mrq_dashboard.identity import Principal
from mrq_dashboard.models import (
    Attention,
    Count,
    FailureGroup,
    Figures,
    Overview,
    QueueModel,
    Severity,
    WorkerModel,
)
from mrq_dashboard.presenting import worker_models
from mrq_dashboard.queues import known_names, most_counted, queue_model, surroundings
from mrq_dashboard.routes.schedules import is_late, queue_of
from mrq_dashboard.services import Given, Services

if TYPE_CHECKING:
    from datetime import datetime

router = APIRouter(tags=["overview"])

LATELY = timedelta(hours=1)
MOST = 50  # queues and groups that are shown
_RETURNING = frozenset({Status.RETRY, Status.INTERRUPT})


@router.get("/overview")
def get_overview(given: Given, who: Viewer) -> Overview:
    """What needs attention, most urgent first, and how things are."""
    now = given.now()
    around = surroundings(given)
    names, _ = known_names(given, who, around)
    most = most_counted(len(names))
    queues = [queue_model(given, parse_queue(name), around, most) for name in names]
    queues.sort(key=lambda queue: (not queue.paused, bool(queue.workers), -queue.waiting.jobs, queue.name))
    workers = worker_models(around.workers, given.shower, who, now)
    workers.sort(key=lambda worker: (not worker.is_late, worker.name))
    failures = failure_groups(given, who, 10)
    return Overview(
        at=now.replace(tzinfo=UTC),
        attention=sorted(
            _attention(given, who, queues, workers, failures.groups, now),
            key=lambda each: each.severity is not Severity.BAD,
        ),
        figures=_figures(given, who, queues, workers),
        queues=queues[:MOST],
        failures=failures.groups,
        workers=workers[:MOST],
    )


def _figures(given: Services, who: Principal, queues: list[QueueModel], workers: list[WorkerModel]) -> Figures:
    waiting = [queue.waiting for queue in queues]
    busy = sum(worker.busy for worker in workers)
    return Figures(
        waiting=Count(jobs=sum(each.jobs for each in waiting), exact=all(each.exact for each in waiting)),
        running=_count(given, who, frozenset({Status.STARTED})),
        failed=_count(given, who, FAILED),
        returning=_count(given, who, _RETURNING),
        jobs=_count(given, who, None),
        workers=len(workers),
        greenlets=sum(worker.greenlets for worker in workers),
        busy=busy,
    )


def _count(given: Services, who: Principal, statuses: frozenset[Status] | None) -> Count:
    queues = None if who.queues is None else frozenset(who.queues)
    found = given.mrq.job_lists.count(JobQuery(JobFilter(statuses=statuses, queues=queues)))
    return Count(jobs=found.jobs, exact=found.exact)


def _attention(
    given: Services,
    who: Principal,
    queues: list[QueueModel],
    workers: list[WorkerModel],
    groups: list[FailureGroup],
    now: datetime,
) -> Iterator[Attention]:
    for worker in workers:
        if worker.is_late:
            text = f"silent for {worker.silent:.0f} s; {_jobs(worker.busy)} {_were(worker.busy)} started there"
            yield _item("silent_worker", Severity.BAD, worker.id, f"Worker {worker.name} is {text}", worker.reported)
    looks = given.mrq.stats_store.samples(now - WINDOW, now, MOST_LOOKS)
    for queue in queues:
        grows = growth(looks, queue.name) if queue.workers and not queue.paused else None
        if grows is not None:
            text = f"{queue.name} grows: {_jobs(grows.before)} waited there, now {grows.now:,}"
            yield _item("growing_queue", Severity.WARNING, queue.name, text, grows.since)
        if queue.waiting.jobs and not queue.workers and not queue.paused:
            many = queue.waiting
            wait = "waits" if many.jobs == 1 and many.exact else "wait"
            text = f"Nothing serves {queue.name}, in which {_jobs(many.jobs, exact=many.exact)} {wait}"
            yield _item("unserved_queue", Severity.BAD, queue.name, text, queue.oldest)
        if queue.paused:
            by = f" by {queue.paused_by}" if queue.paused_by else ""
            why = f": {queue.reason}" if queue.reason else ""
            yield _item("paused_queue", Severity.WARNING, queue.name, f"{queue.name} is paused{by}{why}", None)
    for group in groups:
        if group.last is not None and group.last >= now.replace(tzinfo=UTC) - LATELY:
            text = f"{group.exceptiontype} in {group.task}: {_jobs(group.jobs, exact=group.exact)} failed like that"
            yield _item("failures", Severity.BAD, group.fingerprint, text, group.first)
    for state in given.mrq.schedules.due(now, MOST):
        if is_late(state, now) and who.sees(queue_of(given, state)):
            text = f"{state.schedule.name or state.schedule.path} is late: does a worker run with --scheduler?"
            yield _item("late_schedule", Severity.BAD, state.id.hex(), text, state.next)
    for name in given.mrq.jobs.missing_indexes():
        text = f"The index {name} is missing; workers make it, or mrq run mrq.basetasks.indexes.EnsureIndexes"
        yield _item("no_index", Severity.WARNING, name, text, None)


def _jobs(many: int, *, exact: bool = True) -> str:
    """`1 job`, `at least 500 jobs`: what was counted up to a limit may be more."""
    return f"{'' if exact else 'at least '}{many:,} {'job' if many == 1 else 'jobs'}"


def _were(many: int) -> str:
    return "was" if many == 1 else "were"


def _item(kind: str, severity: Severity, target: str, text: str, since: datetime | None) -> Attention:
    moment = since if since is None or since.tzinfo is not None else since.replace(tzinfo=UTC)
    return Attention(kind=kind, severity=severity, target=target, text=text, since=moment)
