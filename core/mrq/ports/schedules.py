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
    """What a sync did, by path of the task."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """How far one tick has come with a schedule. `queued`: times for which a job was queued, with its 12 bytes."""

    watermark: datetime
    next: datetime | None
    queued: Sequence[tuple[datetime, bytes]] = ()


class ScheduleStore(Protocol):
    """Schedules of the config and those made at run time."""

    def sync(self, wanted: Sequence[Schedule], now: datetime) -> Synced:
        """Make the stored schedules of the config these: add, change, remove. Others are left alone.

        A schedule keeps its watermark as long as its identity stays. Any number of processes may sync the same
        ones at once.
        """
        ...

    def put(self, schedule: Schedule, now: datetime) -> ScheduleState:
        """Add a schedule made at run time, or change the one of this identity."""
        ...

    def due(self, now: datetime, limit: int) -> list[ScheduleState]:
        """Schedules with something to do at this time, most urgent first; paused ones never."""
        ...

    def earliest(self) -> datetime | None:
        """When the next of them has something to do; None: never."""
        ...

    def advance(self, state: ScheduleState, step: Step) -> bool:
        """Move a schedule's watermark, if it is still where `state` has it. False: somebody was quicker."""
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
