"""ScheduleStore: what recurs, and up to when each schedule has been dealt with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mrq.domain.schedule import Schedule, ScheduleState


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync did, by the labels of the schedules."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """How far one tick has come with a schedule."""

    watermark: datetime
    next: datetime | None


class ScheduleStore(Protocol):
    """Schedules of the config and those made at run time."""

    def sync(self, wanted: Sequence[Schedule], now: datetime) -> Synced:
        """Make the stored schedules of the config these: add, change, remove. Others are left alone.

        A schedule keeps its watermark as long as its times stay; other times begin after `now`. One made at run time
        that has the name of one of these becomes that one. Any number of processes may sync the same ones at once.
        """
        ...

    def put(self, schedule: Schedule, now: datetime) -> ScheduleState:
        """Add a schedule made at run time, or change the one of this identity; other times than before begin after
        `now`. One of the config is left as it is: the answer then has `from_config`."""
        ...

    def due(self, now: datetime, limit: int) -> list[ScheduleState]:
        """Schedules with something to do at this time, most urgent first; paused ones never."""
        ...

    def earliest(self) -> datetime | None:
        """When the next of them has something to do; None: never."""
        ...

    def claim(
        self, state: ScheduleState, runs: Sequence[tuple[datetime, bytes]], now: datetime
    ) -> ScheduleState | None:
        """Note in the history, and as the last job, what is about to be queued: times, and the 12 bytes of the job of
        each. The new state; None: the schedule is no longer as `state` has it, and nothing was noted."""
        ...

    def advance(self, state: ScheduleState, step: Step) -> bool:
        """Move a schedule's watermark, if it is still where `state` has it, and it was not edited, paused or resumed
        since. False: somebody was quicker."""
        ...

    def note_run(self, schedule: bytes, due: datetime, job: bytes) -> None:
        """Note in the history a job that was queued beside its times."""
        ...

    def pause(self, schedule: bytes, *, paused: bool, now: datetime) -> bool:
        """Pause or resume. What passed meanwhile is not made up for. False: no such schedule."""
        ...

    def fetch(self, schedule: bytes) -> ScheduleState | None:
        """One schedule."""
        ...

    def page(self, skip: int, limit: int) -> list[ScheduleState]:
        """Schedules by path."""
        ...

    def remove(self, schedule: bytes) -> bool:
        """Forget a schedule; jobs that it queued stay. False: no such schedule."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        ...
