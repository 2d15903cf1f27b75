"""Started jobs that are over their time, or have no worker any more, go back to their queues."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mrq.domain.change import JobChange, Settlement, after
from mrq.domain.jobfilter import JobFilter
from mrq.domain.status import Status
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.ids import WorkerId
    from mrq.domain.jobfilter import FoundJob
    from mrq.engine.enqueue import Enqueuer
    from mrq.engine.tasks import TaskLoader
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.workers import WorkerStore

BATCH = 1000


def requeue_overdue(
    jobs: JobStore, workers: WorkerStore, tasks: TaskLoader, enqueuer: Enqueuer, clock: Clock, extra: float
) -> tuple[int, int]:
    """Queue those that are over their time-out by `extra` seconds, or have lost their worker; how many these were,
    and how many are started. Each only if it is still started under the claim that was seen.

    Raises:
        StoreUnavailableError: repeat the call.
    """
    which = JobFilter(statuses=frozenset({Status.STARTED}))
    requeued, started = 0, 0
    while True:
        page = jobs.matching(which, BATCH)
        # the jobs first, the workers after: who claims has registered before
        gone = workers.gone({job.worker for job in page.jobs if job.worker is not None})
        now = clock.now()
        late = [job for job in page.jobs if _is_overdue(job, tasks, gone, now, extra)]
        back = JobChange(status=Status.QUEUED, at=now, expires=None, datequeued=now, retry_count=0)
        results = jobs.settle([Settlement(job.id, job.token, back) for job in late]) if late else []
        enqueuer.call_for({job.queue for job in late})
        started += len(page.jobs)
        requeued += sum(result.fate is Settled.WRITTEN for result in results)
        if page.last is None:
            return requeued, started
        which = replace(which, after=page.last)


def _is_overdue(job: FoundJob, tasks: TaskLoader, gone: set[WorkerId], now: datetime, extra: float) -> bool:
    if job.worker in gone:
        return True
    timeout = tasks.options(job.path).timeout
    if not timeout or job.datestarted is None:
        return False
    return after(job.datestarted, timeout + extra) < now
