"""Who is dead. A worker lives as long as its heartbeat changes; the judgement takes no clock but the judge's.

Stamps of different machines are never compared: a container worker is judged dead by a beat that stopped
changing, seen twice, a lease apart, by a judge whose own beats in between were unbroken. So an outage of the
database, which stops all beats at once, kills nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mrq.domain.ids import WorkerId


@dataclass(frozen=True, slots=True)
class Lease:
    """What a worker's document says of its life.

    `seconds`: how long its beat may stand still. `deadline`: for workers that state their end once (a Lambda
    invocation) instead of beating; they are judged by it alone.
    """

    worker: WorkerId
    beat: int
    seconds: float
    deadline: datetime | None = None


@dataclass(slots=True)
class LeaseJudge:
    """Remembers when each beat was first seen. One judge belongs to one worker that beats itself."""

    deadline_margin: float = 5.0  # seconds past a stated deadline
    _seen: dict[WorkerId, tuple[int, float]] = field(default_factory=dict)
    _last_beat: float | None = None

    def own_beat(self, now: float, longest_gap: float) -> None:
        """The judge's own beat was written at `now` (monotonic seconds). A gap since the last one that is
        longer than `longest_gap` makes it forget all it saw: the database may have been away for everyone."""
        if self._last_beat is None or now - self._last_beat > longest_gap:
            self._seen.clear()
        self._last_beat = now

    def own_beat_failed(self) -> None:
        """The judge's own beat could not be written."""
        self._last_beat = None
        self._seen.clear()

    def dead(self, leases: Iterable[Lease], now: float, database_time: datetime) -> list[Lease]:
        """Those of the given workers that are dead. The given ones must be all that are suspect: a worker that
        is not among them is forgotten."""
        before, self._seen = self._seen, {}
        dead = []
        for lease in leases:
            if lease.deadline is not None:
                if (database_time - lease.deadline).total_seconds() > self.deadline_margin:
                    dead.append(lease)
                continue
            beat, since = before.get(lease.worker, (None, now))
            if beat != lease.beat:
                since = now
            self._seen[lease.worker] = (lease.beat, since)
            if now - since >= lease.seconds:
                dead.append(lease)
        return dead if self._last_beat is not None else []
