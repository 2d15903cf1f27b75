"""A schedule: a task and when its jobs recur. What a tick has to do about it is decided here, from times alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mrq.domain.trigger import Cron, Daily, Every, Once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.domain.trigger import Trigger


class Missed(StrEnum):
    """What becomes of times that passed while nobody ticked."""

    SKIP = "skip"  # nothing, but for one that is not older than GRACE
    ONCE = "once"  # one job for all of them (MRQ 0.9)
    ALL = "all"  # one job each, at most `missed_limit` of the latest


class Overlap(StrEnum):
    """What becomes of a time whose predecessor's job has not ended."""

    ALLOW = "allow"  # they run side by side (MRQ 0.9)
    SKIP = "skip"  # the new one is left out
    CANCEL = "cancel"  # the old one is cancelled


EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)

_TIMES = ("interval", "dailytime", "weekday", "monthday", "cron", "timezone", "at", "start", "end")

GRACE = timedelta(seconds=120)
"""A tick may be late by this much without a time counting as missed."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What recurs, and when. `id` derives from the identity, so two processes that make it make the same.

    One of `interval` (seconds), `dailytime` (UTC), `cron` and `at` says when. Times are naive and in UTC.
    """

    path: str
    params: Mapping[str, Any] | None = None
    queue: str | None = None
    interval: float | None = None
    dailytime: time | None = None
    weekday: int | None = None
    monthday: int | None = None
    cron: str | None = None
    timezone: str = "UTC"
    at: datetime | None = None
    name: str | None = None
    jitter: float = 0.0  # seconds; each job is late by a part of it that only depends on its time
    start: datetime | None = None
    end: datetime | None = None
    missed: Missed = Missed.ONCE
    missed_limit: int = 100
    overlap: Overlap = Overlap.ALLOW

    @property
    def identity(self) -> str:
        """What makes it this schedule and no other: its name, or MRQ 0.9's hash of all that it says."""
        if self.name is not None:
            return f"name:{self.name}"
        params = json.dumps(sorted(self.params.items()), default=str) if self.params else self.params
        words: list[Any] = [self.path, self.interval, self.dailytime, self.weekday, self.monthday, self.queue, params]
        if self.cron is not None or self.at is not None:
            words += [self.cron, self.timezone, self.at]
        return " ".join(str(word) for word in words)

    @property
    def label(self) -> str:
        """What people call it."""
        return self.path if self.name is None else f"{self.path} ({self.name})"

    def trigger(self, anchor: datetime) -> Trigger:
        """Its times. `anchor`: the first one of an interval."""
        if self.cron is not None:
            return Cron(self.cron, self.timezone)
        if self.at is not None:
            return Once(self.at)
        if self.dailytime is not None:
            return Daily(self.dailytime, self.weekday, self.monthday)
        return Every(self.interval or 0.0, anchor)


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """A schedule as it is stored. All of its times up to `watermark` have been dealt with."""

    id: bytes
    schedule: Schedule
    anchor: datetime
    watermark: datetime
    next: datetime | None = None  # the next time to look at it; None: never again
    paused: bool = False
    last_job: bytes | None = None  # the 12 bytes of the last job that was queued for it, or was about to be
    last_queued: datetime | None = None
    claimed: datetime | None = None  # when a tick last said that it was about to queue
    from_config: bool = True
    history: tuple[Mapping[str, Any], ...] = field(default=())
    revision: int = 0  # of what it says: with each edit, pause and resume there is another


@dataclass(frozen=True, slots=True)
class Plan:
    """What one tick has to do about one schedule: queue a job for each of `due`, then move the watermark."""

    due: tuple[datetime, ...]
    watermark: datetime
    next: datetime | None


def plan(state: ScheduleState, now: datetime) -> Plan:
    """What is to be done now. The same answer for everyone who asks with the same state."""
    schedule, trigger = state.schedule, state.schedule.trigger(state.anchor)
    upto = now if schedule.end is None else min(now, schedule.end)
    after = state.watermark
    if schedule.start is not None and schedule.start > after:
        after = schedule.start - timedelta(milliseconds=1)  # the start itself counts
    wanted = schedule.missed_limit if schedule.missed is Missed.ALL else 1
    due: list[datetime] = []
    last = trigger.preceding(upto)
    while last is not None and last > after and len(due) < wanted:
        due.append(last)
        last = trigger.preceding(last - timedelta(milliseconds=1))
    if schedule.missed is Missed.SKIP:
        due = [time for time in due if now - time <= GRACE]
    watermark = max(now, state.watermark)
    return Plan(tuple(reversed(due)), watermark, next_time(state, watermark))


def next_time(state: ScheduleState, after: datetime) -> datetime | None:
    """The first time after another one at which there is something to do."""
    schedule = state.schedule
    if schedule.start is not None and schedule.start > after:
        after = schedule.start - timedelta(milliseconds=1)
    found = schedule.trigger(state.anchor).following(after)
    return None if found is None or (schedule.end is not None and found > schedule.end) else found


def times_between(state: ScheduleState, start: datetime, end: datetime, most: int) -> list[datetime]:
    """The times from start to end, both included, at most the first `most` of them, whatever became of each.

    Times outside of the schedule's own `start` and `end` are none of it.
    """
    schedule, trigger = state.schedule, state.schedule.trigger(state.anchor)
    first = start if schedule.start is None else max(start, schedule.start)
    last = end if schedule.end is None else min(end, schedule.end)
    found: list[datetime] = []
    time = trigger.following(first - timedelta(milliseconds=1))
    while time is not None and time <= last and len(found) < most:
        found.append(time)
        time = trigger.following(time)
    return found


def first_state(schedule: Schedule, now: datetime, *, from_config: bool = True) -> ScheduleState:
    """A new schedule: an interval without a start begins at once, everything else with its next time (MRQ 0.9)."""
    watermark = now - timedelta(milliseconds=1) if schedule.interval is not None else now
    anchor = schedule.start or now
    state = ScheduleState(schedule_id(schedule.identity), schedule, anchor, watermark, from_config=from_config)
    return replace(state, next=next_time(state, watermark))


def same_times(one: Schedule, other: Schedule) -> bool:
    """Whether both recur at the same times (if intervals of both have the same anchor)."""
    return all(getattr(one, name) == getattr(other, name) for name in _TIMES)


def schedule_id(identity: str) -> bytes:
    """The 12 bytes that name a schedule. Whoever makes it, gets the same ones."""
    return hashlib.sha256(b"schedule\0" + identity.encode()).digest()[:12]


def occurrence_id(schedule: bytes, due: datetime) -> bytes:
    """The 12 bytes of the job of one time of a schedule: however often it is queued, it is one job.

    They begin with the time, as those of every ObjectId do, so that ids still sort by age.
    """
    seconds = int((due - EPOCH).total_seconds()) & 0xFFFFFFFF
    digest = hashlib.sha256(schedule + due.isoformat().encode()).digest()
    return seconds.to_bytes(4, "big") + digest[:8]


def jittered(state: ScheduleState, due: datetime) -> datetime:
    """When the job of a time may start: later by a part of the jitter that is always the same for it."""
    if not state.schedule.jitter:
        return due
    part = int.from_bytes(hashlib.sha256(b"jitter\0" + occurrence_id(state.id, due)).digest()[:4], "big") / 2**32
    return due + timedelta(milliseconds=int(part * state.schedule.jitter * 1000))
