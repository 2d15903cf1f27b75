"""How many jobs to claim beyond the free slots, so that a slot which gets free has its next job at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mrq.ports.clock import Clock

COVERED = 0.02  # seconds of the worker's own work: what a claim takes, and how long a job waits here at most or so
SHARE = 4  # at most every fourth of what may run
WINDOW = 0.25  # seconds over which the pace is measured


@dataclass(slots=True)
class Ahead:
    """Where jobs take long, or few are there, none are claimed ahead: other workers could start them now."""

    clock: Clock
    _since: float = field(init=False)
    _taken: int = 0
    _pace: float = 0.0  # jobs a second

    def __post_init__(self) -> None:
        self._since = self.clock.monotonic()

    def after(self, wish: int, taken: int, greenlets: int) -> int:
        """So many jobs were wished for, and so many taken: how many to take ahead."""
        self._taken += taken
        now = self.clock.monotonic()
        if (passed := now - self._since) >= WINDOW:
            self._pace, self._taken, self._since = self._taken / passed, 0, now
        return min(greenlets // SHARE, int(self._pace * COVERED)) if taken >= wish > 0 else 0
