"""Queue what recurs. Any number of ticks may run at once, anywhere.

Each time of a schedule is one job by its id. A tick claims the schedule for the jobs that it is about to queue, queues
them, and moves the watermark: one that dies in between is made good by the next, and of two at once one goes on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.domain.job import NewJob
from mrq.domain.schedule import Overlap, first_state, jittered, occurrence_id, plan, times_between
from mrq.domain.status import SETTLED, Status
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.schedules import Step, Synced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from mrq.domain.ids import JobId
    from mrq.domain.job import JobRecord
    from mrq.domain.options import TaskOptions
    from mrq.domain.schedule import Schedule, ScheduleState
    from mrq.engine.enqueue import Enqueuer
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.runtime import Event
    from mrq.ports.schedules import ScheduleStore

log = logging.getLogger("mrq.scheduler")

BATCH = 100  # schedules a tick
JOBS = 500  # queued at once
MOST_BACKFILLED = 1000  # times of one call
LONGEST_STEP = 20.0  # seconds from claiming a schedule to writing its jobs; later, others may have finished them
RETRY = timedelta(minutes=1)  # until a schedule is tried again that could not be followed
SHORTEST_PAUSE = 1.0  # seconds, where there is something due that this process does nothing about

Run = tuple["datetime", bytes]
"""A time of a schedule, and the 12 bytes of its job."""


@dataclass(slots=True)
class Scheduler:
    """Syncs the schedules of the config, and ticks."""

    schedules: ScheduleStore
    jobs: JobStore
    enqueuer: Enqueuer
    clock: Clock
    queue_of: Callable[[str], str]
    options: Callable[[str], TaskOptions]
    now: Callable[[], datetime]  # that of the database, for clocks of machines differ

    def sync(self, wanted: Sequence[Schedule] | None, now: datetime) -> Synced:
        """Make the stored schedules of the config these. None: this process knows of no config; nothing is done."""
        if wanted is None:
            return Synced()
        done = self.schedules.sync(wanted, now)
        for what, labels in (("added", done.added), ("changed", done.changed), ("removed", done.removed)):
            for label in labels:
                log.info("schedule of %s %s", label, what)
        for schedule in wanted:
            if schedule.label in done.added and first_state(schedule, now).next is None:
                log.warning("schedule of %s will never run: its times had passed when it was added", schedule.label)
        return done

    def loop(self, stopped: Event, interval: float, wanted: Sequence[Schedule] | None) -> None:
        """Sync the schedules of the config, then tick when the next one is due and every `interval` seconds at
        least, until told to stop."""
        pause, synced = 0.0, False
        while not stopped.wait(pause):
            try:
                if not synced:
                    self.sync(wanted, self.now())
                    synced = True
                queued = self.tick(self.now())
                pause = self._pause(interval, 0.0 if queued else SHORTEST_PAUSE)
            except StoreUnavailableError as error:
                pause = min(interval, 5.0)
                log.warning("the scheduler waits: %s", error)

    def _pause(self, interval: float, shortest: float) -> float:
        earliest = self.schedules.earliest()
        if earliest is None:
            return interval
        left = (earliest - self.now()).total_seconds()
        return min(interval, left if left > 0 else shortest)

    def tick(self, now: datetime) -> int:
        """Queue everything that is due; how many jobs. Bounded: what is left is due at the next tick.

        A schedule that can't be followed, whatever the reason, is tried again a minute later; the others go on.

        Raises:
            StoreUnavailableError: the rest is left to the next tick.
        """
        return sum(self._follow(state, now) for state in self.schedules.due(now, BATCH))

    def _follow(self, state: ScheduleState, now: datetime) -> int:
        try:
            return self._step(state, now)
        except StoreUnavailableError:
            raise
        except Exception:
            log.exception("the schedule of %s can't be followed; the next try is in a minute", state.schedule.label)
            self.schedules.advance(state, Step(state.watermark, now + RETRY))
            return 0

    def missing(self, state: ScheduleState, start: datetime, end: datetime) -> list[datetime]:
        """Times of a schedule from start to end, both included, that have no job: left out, or the job has expired.

        Raises:
            ValueError: there are more than MOST_BACKFILLED times, or `end` is still to come.
            StoreUnavailableError: MongoDB is away.
        """
        if end > self.clock.now():
            raise ValueError("the end is still to come; the schedule itself will see to it")
        times = times_between(state, start, end, MOST_BACKFILLED + 1)
        if len(times) > MOST_BACKFILLED:
            raise ValueError(f"these are more than {MOST_BACKFILLED:,} times; take a shorter part")
        names = {time: self.jobs.parse_id(occurrence_id(state.id, time)) for time in times}
        there = self.jobs.existing(list(names.values()))
        return [time for time in times if names[time] not in there]

    def backfill(self, state: ScheduleState, times: Sequence[datetime]) -> list[JobId]:
        """Queue a job for each of these times, at the end of the queue; their ids. Repeating a call queues none twice.

        Raises:
            StoreUnavailableError: some may be queued; call again.
        """
        now = self.clock.now()
        new = [self._job(state, occurrence_id(state.id, time), now) for time in times]
        if new:
            self.enqueuer.put(new)
        return [job.id for job in new]

    def _step(self, state: ScheduleState, now: datetime) -> int:
        todo, began = plan(state, now), self.clock.monotonic()
        reached, queued = Step(todo.watermark, todo.next), 0
        for runs in self._groups(state, todo.due):
            if self.clock.monotonic() - began > LONGEST_STEP:
                log.info("a tick took long over %s: the next one goes on", state.schedule.label)
                reached = Step(runs[0][0] - timedelta(milliseconds=1), now)
                break
            rival = self._rival(state, runs[0][1])
            record = None if rival is None else self.jobs.fetch(rival)
            if rival is not None and record is None and _just_claimed(state, now):
                return queued  # the rival may still come, of a tick that is at work or has just died
            if rival is not None and record is not None and not self._makes_way(state, rival, record):
                log.warning("%s at %s is left out: its last job has not ended", state.schedule.label, runs[0][0])
                continue
            claimed = self._queue(state, runs, now)
            if claimed is None:
                return queued
            state, queued = claimed, queued + len(runs)
        moved = self.schedules.advance(state, reached)
        return queued if moved else 0

    def _groups(self, state: ScheduleState, due: Sequence[datetime]) -> Iterator[Sequence[Run]]:
        """What may be queued at once: one job, where the next one depends on it."""
        size = JOBS if state.schedule.overlap is Overlap.ALLOW else 1
        runs = [(time, occurrence_id(state.id, time)) for time in due]
        return (runs[start : start + size] for start in range(0, len(runs), size))

    def _rival(self, state: ScheduleState, job: bytes) -> JobId | None:
        """The last job, where the overlap policy asks about it before this one is queued."""
        last = state.last_job
        if state.schedule.overlap is Overlap.ALLOW or last is None or last == job:
            return None
        return self.jobs.parse_id(last)

    def _makes_way(self, state: ScheduleState, rival: JobId, record: JobRecord) -> bool:
        """Whether a job may be queued after its rival, by the schedule's overlap policy."""
        if record.status in SETTLED:
            return True
        if state.schedule.overlap is Overlap.SKIP:
            return False
        now = self.clock.now()
        expires = now + timedelta(seconds=self.options(record.path).cancel_ttl)
        self.jobs.move(rival, Status.CANCEL, now, {"dateexpires": expires})
        return True

    def _queue(self, state: ScheduleState, runs: Sequence[Run], now: datetime) -> ScheduleState | None:
        """Claim the schedule and queue its jobs. None: somebody else is about to, or did."""
        began = self.clock.monotonic()
        claimed = self.schedules.claim(state, runs, now)
        if claimed is None or self.clock.monotonic() - began > LONGEST_STEP:
            return None
        starts = [(jittered(state, due), due, name) for due, name in runs]
        self.enqueuer.put([
            self._job(state, name, start, start if start > due else None) for start, due, name in starts
        ])  # fmt: skip
        return claimed

    def _job(self, state: ScheduleState, name: bytes, place: datetime, not_before: datetime | None = None) -> NewJob:
        schedule = state.schedule
        queue = schedule.queue or self.queue_of(schedule.path)
        return NewJob(self.jobs.parse_id(name), schedule.path, schedule.params or {}, queue, place, not_before)


def _just_claimed(state: ScheduleState, now: datetime) -> bool:
    return state.claimed is not None and now - state.claimed <= timedelta(seconds=LONGEST_STEP)
