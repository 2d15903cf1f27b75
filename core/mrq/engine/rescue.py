"""Find workers that died and bring their jobs back. Anyone may do it, any number at once: every write is
conditional on the heartbeat or the claim that was seen."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mrq.domain.change import Settlement, loss_of
from mrq.domain.lease import LeaseJudge
from mrq.domain.words import many
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.job import ClaimedJob
    from mrq.domain.status import Status
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.workers import WorkerStore

log = logging.getLogger("mrq.rescue")

BATCH = 500


@dataclass(slots=True)
class Rescuer:
    """One judge of the dead: belongs to a worker, or to the guard that stands in for one."""

    jobs: JobStore
    workers: WorkerStore
    clock: Clock
    heartbeat_interval: float
    max_losses: int
    ttl: float  # seconds that a job failed by its losses is kept
    judge: LeaseJudge = field(default_factory=LeaseJudge)
    returned: Callable[[set[str]], object] = len  # told the queues to which jobs returned
    settled: Callable[[list[tuple[ClaimedJob, Status]]], object] = len  # told what became of the jobs of the dead
    bury: Callable[[WorkerId], object] = str  # told who was found dead

    def beaten(self, now: float) -> None:
        """The own heartbeat was written at `now` (monotonic seconds)."""
        self.judge.own_beat(now, longest_gap=3 * self.heartbeat_interval)

    def round(self, me: WorkerId, database_time: datetime, holders: set[WorkerId] | None = None) -> int:
        """Look once. Returns how many jobs were taken from the dead. `holders`: those in whose names jobs are started,
        where they were just asked for.

        Raises:
            StoreUnavailableError: the round was cut short; the next one goes on.
        """
        self.judge_others(me, database_time)
        return self.release_gone(me, holders)

    def judge_others(self, me: WorkerId, database_time: datetime) -> int:
        """Mark those that are dead; how many there were."""
        silent_since, marked = database_time - timedelta(seconds=1.5 * self.heartbeat_interval), 0
        suspects = [lease for lease in self.workers.suspects(silent_since) if lease.worker != me]
        for lease in self.judge.dead(suspects, self.clock.monotonic(), database_time):
            if self.workers.mark_lost(lease.worker, lease.beat):
                marked += 1
                how = f"no heartbeat for {lease.seconds:g} s" if lease.deadline is None else "its time is over"
                log.warning("worker %s is lost (%s): its jobs are given to others", lease.worker, how)
                self.bury(lease.worker)
        return marked

    def release_gone(self, me: WorkerId, holders: set[WorkerId] | None = None) -> int:
        """Take the jobs of workers that are gone; how many there were."""
        # The jobs first, the workers after: who claims has registered before, so a worker that is not found
        # among the living can't be a newcomer.
        holders = self.jobs.workers_of_started() if holders is None else holders
        return sum(self.release(worker) for worker in self.workers.gone(holders - {me}))

    def release(self, worker: WorkerId, running: set[JobId] | None = None) -> int:
        """Take all started jobs from a worker that is certainly dead.

        `running`: those that ran when it died, if that is known; the others then lose nothing by it. Where
        it isn't known, each of them may have been the cause.
        """
        released = 0
        while batch := self.jobs.started_by(worker, BATCH):
            written = self._write(worker, batch, running)
            released += written
            if not written:  # somebody else is at it as well
                break
        if released:
            log.warning("taken back from the dead worker %s: %s", worker, many(released, "job"))
        return released

    def _write(self, worker: WorkerId, batch: list[ClaimedJob], running: set[JobId] | None) -> int:
        now = self.clock.now()
        settlements = [
            Settlement(
                job.id,
                job.token,
                loss_of(
                    job,
                    was_running=running is None or job.id in running,
                    max_losses=self.max_losses,
                    ttl=self.ttl,
                    now=now,
                    worker=worker,
                ),
            )
            for job in batch
        ]
        results = self.jobs.settle(settlements)
        self.returned({job.queue for job in batch})
        written = [result.fate is Settled.WRITTEN for result in results]
        self.settled(
            [
                (job, settlement.change.status)
                for job, settlement, mine in zip(batch, settlements, written, strict=True)
                if mine
            ]
        )
        for job, settlement, mine in zip(batch, settlements, written, strict=True):
            if mine and settlement.change.failure is not None:
                log.error("job %s (%s) failed\n%s", job.id, job.path, settlement.change.failure.traceback)
        return sum(written)
