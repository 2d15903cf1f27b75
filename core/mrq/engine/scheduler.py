"""Queue what recurs. Any number of ticks may run at once, anywhere: each occurrence is one job by its id, and a
schedule's watermark moves only after its jobs are queued, so a tick that dies in between is made good by the next."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.domain.job import NewJob
from mrq.domain.schedule import Overlap, jittered, occurrence_id, plan
from mrq.domain.status import SETTLED, Status
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.schedules import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mrq.domain.options import TaskOptions
    from mrq.domain.schedule import Schedule, ScheduleState
    from mrq.engine.enqueue import Enqueuer
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.runtime import Event
    from mrq.ports.schedules import ScheduleStore

log = logging.getLogger("mrq.scheduler")

BATCH = 100
LONGEST_STEP = 20.0  # seconds from reading a schedule to writing its jobs; later, others may have finished them


@dataclass(slots=True)
class Scheduler:
    """Syncs the schedules of the config, and ticks."""

    schedules: ScheduleStore
    jobs: JobStore
    enqueuer: Enqueuer
    clock: Clock
    queue_of: Callable[[str], str]
    options: Callable[[str], TaskOptions]

    def sync(self, wanted: Sequence[Schedule], now: datetime) -> None:
        """Make the stored schedules of the config these."""
        done = self.schedules.sync(wanted, now)
        for what, paths in (("added", done.added), ("changed", done.changed), ("removed", done.removed)):
            for path in paths:
                log.info("schedule of %s %s", path, what)

    def loop(self, stopped: Event, interval: float, wanted: Sequence[Schedule]) -> None:
        """Sync the schedules of the config, then tick when the next one is due and every `interval` seconds at
        least, until told to stop."""
        pause, synced = 0.0, False
        while not stopped.wait(pause):
            try:
                if not synced:
                    self.sync(wanted, self.clock.now())
                    synced = True
                self.tick(self.clock.now())
                pause = self._pause(interval)
            except StoreUnavailableError as error:
                pause = min(interval, 5.0)
                log.warning("the scheduler waits: %s", error)

    def _pause(self, interval: float) -> float:
        earliest = self.schedules.earliest()
        if earliest is None:
            return interval
        return min(interval, max(0.0, (earliest - self.clock.now()).total_seconds()))

    def tick(self, now: datetime) -> int:
        """Queue everything that is due; how many jobs. Bounded: what is left is due at the next tick.

        Raises:
            StoreUnavailableError: the rest is left to the next tick.
        """
        return sum(self._step(state, now) for state in self.schedules.due(now, BATCH))

    def _step(self, state: ScheduleState, now: datetime) -> int:
        began = self.clock.monotonic()
        todo = plan(state, now)
        queued: list[tuple[datetime, bytes]] = []
        last = state.last_job
        for due in todo.due:
            if last is not None and not self._may_follow(state, last):
                log.warning("%s at %s is left out: its last job has not ended", state.schedule.path, due)
                continue
            if self.clock.monotonic() - began > LONGEST_STEP:
                log.warning("a tick took too long over %s: the next one goes on", state.schedule.path)
                return 0
            last = self._queue(state, due)
            queued.append((due, last))
        moved = self.schedules.advance(state, Step(todo.watermark, todo.next, queued))
        return len(queued) if moved else 0

    def _may_follow(self, state: ScheduleState, last: bytes) -> bool:
        """Whether a new job may be queued after this one, by the schedule's overlap policy."""
        if state.schedule.overlap is Overlap.ALLOW:
            return True
        job = self.jobs.parse_id(last)
        record = self.jobs.fetch(job)
        if record is None or record.status in SETTLED:
            return True
        if state.schedule.overlap is Overlap.SKIP:
            return False
        now = self.clock.now()
        expires = now + timedelta(seconds=self.options(record.path).cancel_ttl)
        self.jobs.move(job, Status.CANCEL, now, {"dateexpires": expires})
        return True

    def _queue(self, state: ScheduleState, due: datetime) -> bytes:
        schedule, name = state.schedule, occurrence_id(state.id, due)
        start = jittered(state, due)
        queue = schedule.queue or self.queue_of(schedule.path)
        later = start if start > due else None
        job = NewJob(self.jobs.parse_id(name), schedule.path, schedule.params or {}, queue, start, later)
        self.enqueuer.put([job])
        return name
