"""The first page: what needs attention, and the figures."""

from __future__ import annotations

from datetime import UTC

from fastapi import APIRouter

from mrq.domain.jobfilter import JobFilter
from mrq.domain.joblist import JobQuery
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.ports.reports import FAILED
from mrq_dashboard.access import Viewer
from mrq_dashboard.attention import attention, is_unserved
from mrq_dashboard.failures import failure_groups
from mrq_dashboard.identity import Principal
from mrq_dashboard.models import (
    Count,
    Figures,
    Overview,
    QueueModel,
    WorkerModel,
)
from mrq_dashboard.presenting import worker_models
from mrq_dashboard.queues import known_names, most_counted, queue_model, surroundings
from mrq_dashboard.services import Given, Services
from mrq_dashboard.shown import utc

router = APIRouter(tags=["overview"])

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
    queues.sort(
        key=lambda queue: (not queue.grows, not is_unserved(queue), not queue.paused, -queue.waiting.jobs, queue.name)
    )
    workers = worker_models(around.workers, given.shower, who, now)
    workers.sort(key=lambda worker: (not worker.is_late, worker.name))
    failures = failure_groups(given, who, 10)
    urgent = attention(given, who, around, queues, workers, failures.groups)
    return Overview(
        at=now.replace(tzinfo=UTC),
        attention=urgent,
        calm_since=utc(given.calm.look(who.queues, now, is_calm=not urgent)),
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
