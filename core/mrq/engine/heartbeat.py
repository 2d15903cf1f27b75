"""Keep the worker's lease: one write every few seconds. From its answer the worker learns that it was taken
for dead; then it takes a new identity.

What has to be looked at after a heartbeat (orphans, other workers) is done in a loop of its own: a connection that
hangs there must not keep the next heartbeat from being written.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mrq.domain.change import Settlement, unclaimed
from mrq.domain.words import many
from mrq.engine.ahead import MOST
from mrq.engine.outage import Outage
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.domain.ids import WorkerId
    from mrq.engine.budget import Budget
    from mrq.engine.options import WorkerOptions
    from mrq.engine.rescue import Rescuer
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.guard import Guard
    from mrq.ports.jobs import JobStore
    from mrq.ports.runtime import Event
    from mrq.ports.workers import WorkerStore

log = logging.getLogger("mrq.worker")

SELDOM = 3  # looks of an idle worker: in one of them it asks in whose names jobs are started


class Beat(NamedTuple):
    """A heartbeat that was written."""

    worker: WorkerId
    at: float  # monotonic seconds
    database_time: datetime


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
    told: Callable[[], object]  # orders wait for this worker
    budget: Budget | None = None
    last: float = 0.0  # monotonic seconds of the last heartbeat that was written
    _looks: int = 0
    _beats: deque[Beat | None] = field(default_factory=deque)  # not looked at yet; None: one that failed

    def fresh(self) -> bool:
        """Whether the lease is certainly held: else nothing may be claimed. After a suspension (SIGSTOP, a
        debugger, a sleeping machine) the worker may have been taken for dead without knowing it yet. Who has
        stated his end holds his until then."""
        if self.budget is not None:
            return self.budget.left > 0
        return self.clock.monotonic() - self.last < self.options.lease / 2

    def loop(self, stopped: Event) -> None:
        """Beat until told to stop."""
        outage = Outage(log, self.clock)
        while True:
            try:
                self._beat()
                outage.over("heartbeats are written again")
            except StoreUnavailableError as error:
                self._beats.append(None)
                silent = self.clock.monotonic() - self.last
                outage.failed("no heartbeat can be written", error)
                if silent > self.options.lease - self.options.heartbeat_interval:
                    self.overdue()
            if stopped.wait(self.options.heartbeat_interval):
                return

    def look_after(self, stopped: Event) -> None:
        """After each heartbeat: see to jobs that nobody holds, until told to stop."""
        while not stopped.wait(self.options.heartbeat_interval / 3):
            try:
                self.look()
            except StoreUnavailableError as error:
                self.rescuer.judge.own_beat_failed()
                self._looks = 0  # somebody may have been marked as dead
                log.debug("the rescue waits: %s", error)

    def look(self) -> None:
        """Look once, if a heartbeat was written since the last time. The judge hears of all of them, in order."""
        latest: Beat | None = None
        while self._beats:
            latest = self._beats.popleft()
            if latest is None:
                self.rescuer.judge.own_beat_failed()
            else:
                self.rescuer.beaten(latest.at)
        if latest is None:
            return
        self._looks += 1
        if self.state.busy or self._looks % SELDOM == 1:
            holders = self.jobs.workers_of_started()
            if latest.worker in holders:
                self.release_orphans()
            self.rescuer.round(latest.worker, latest.database_time, holders)
        elif self.rescuer.judge_others(latest.worker, latest.database_time):
            self.rescuer.release_gone(latest.worker)

    def _beat(self) -> None:
        me = self.state.worker
        database_time = self.workers.beat(me, max(1.0, self.options.heartbeat_interval), self.told)
        if database_time is None:
            if me == self.state.worker:  # else this is about the identity that it had before
                log.error("worker %s was taken for dead: its jobs belong to others now", me)
                self._beats.append(None)
                self.lost()
            return
        if not self.fresh():
            self.state.kick.set()  # claims have been waiting for this
        self.last = self.clock.monotonic()
        self.guard.beat()
        self._beats.append(Beat(me, self.last, database_time))

    def release_orphans(self) -> None:
        """Hand back jobs that are started in this worker's name but that it doesn't hold."""
        limit = (MOST + 4) * max(self.options.greenlets, self.state.greenlets) + self.options.unsettled_limit
        orphans = [
            job for job in self.jobs.started_by(self.state.worker, limit) if not self.state.holds(job.id, job.token)
        ]
        if orphans:
            now = self.clock.now()
            results = self.jobs.settle([Settlement(job.id, job.token, unclaimed(job, now)) for job in orphans])
            # refused: those that were held, and have ended while the database answered
            written = sum(result.fate is Settled.WRITTEN for result in results)
            if written:
                log.warning("handed back %s, started in this worker's name without its knowing", many(written, "job"))
