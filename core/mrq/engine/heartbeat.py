"""Keep the worker's lease: one write every few seconds. From its answer the worker learns that it was taken
for dead; then it takes a new identity."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.change import JobChange, Settlement
from mrq.domain.status import Status
from mrq.domain.words import many
from mrq.engine.outage import Outage
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.engine.options import WorkerOptions
    from mrq.engine.rescue import Rescuer
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.guard import Guard
    from mrq.ports.jobs import JobStore
    from mrq.ports.runtime import Event
    from mrq.ports.workers import WorkerStore

log = logging.getLogger("mrq.worker")


@dataclass(slots=True)
class Heartbeat:
    """Beats, looks after jobs that fell between chairs, and lets the rescuer look after others."""

    jobs: JobStore
    workers: WorkerStore
    rescuer: Rescuer
    state: WorkerState
    clock: Clock
    guard: Guard
    options: WorkerOptions
    lost: Callable[[], None]  # this worker was taken for dead
    overdue: Callable[[], None]  # the lease can't be renewed in time
    last: float = 0.0  # monotonic seconds of the last heartbeat that was written

    def fresh(self) -> bool:
        """Whether the lease is certainly held: else nothing may be claimed. After a suspension (SIGSTOP, a
        debugger, a sleeping machine) the worker may have been taken for dead without knowing it yet."""
        return self.clock.monotonic() - self.last < self.options.lease / 2

    def loop(self, stopped: Event) -> None:
        """Beat until told to stop."""
        outage = Outage(log, self.clock)
        while True:
            try:
                self._beat()
                outage.over("heartbeats are written again")
            except StoreUnavailableError as error:
                self.rescuer.judge.own_beat_failed()
                silent = self.clock.monotonic() - self.last
                outage.failed("no heartbeat can be written", error)
                if silent > self.options.lease - self.options.heartbeat_interval:
                    self.overdue()
            if stopped.wait(self.options.heartbeat_interval):
                return

    def _beat(self) -> None:
        me = self.state.worker
        database_time = self.workers.beat(me, timeout=max(1.0, self.options.heartbeat_interval))
        if database_time is None:
            log.error("worker %s was taken for dead: its jobs belong to others now", me)
            self.rescuer.judge.own_beat_failed()
            self.lost()
            return
        if not self.fresh():
            self.state.kick.set()  # claims have been waiting for this
        self.last = self.clock.monotonic()
        self.guard.beat()
        self.rescuer.beaten(self.clock.monotonic())
        self._release_orphans()
        self.rescuer.round(me, database_time)

    def _release_orphans(self) -> None:
        """Hand back jobs that are started in this worker's name but that it doesn't hold."""
        limit = 4 * self.options.greenlets + self.options.unsettled_limit
        orphans = [
            job for job in self.jobs.started_by(self.state.worker, limit) if not self.state.holds(job.id, job.token)
        ]
        if orphans:
            now = self.clock.now()
            change = JobChange(status=Status.QUEUED, at=now, expires=None)
            self.jobs.settle([Settlement(job.id, job.token, change) for job in orphans])
            log.warning("handed back %s, started in this worker's name without its knowing", many(len(orphans), "job"))
