"""How many jobs a worker may still take, and for how long: `max_jobs` and `max_time`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mrq.ports.clock import Clock


@dataclass(slots=True)
class Quota:
    """The limits of one round of the main loop. 0: there is none."""

    clock: Clock
    max_jobs: int
    max_time: float  # seconds
    taken: int = 0  # jobs, without those that went back because they had to wait for their turn
    _since: float = field(init=False)  # monotonic seconds

    def __post_init__(self) -> None:
        self._since = self.clock.monotonic()

    def begin(self, max_jobs: int, max_time: float) -> None:
        """A new round, with these limits."""
        self.max_jobs, self.max_time = max_jobs, max_time
        self.taken, self._since = 0, self.clock.monotonic()

    def allowed(self, wish: int) -> int:
        """How many of so many jobs may be taken now."""
        return min(wish, max(0, self.max_jobs - self.taken)) if self.max_jobs else wish

    @property
    def all_taken(self) -> bool:
        """Whether no more jobs may be taken."""
        return bool(self.max_jobs) and self.taken >= self.max_jobs

    @property
    def time_is_up(self) -> bool:
        """Whether the time is over."""
        return bool(self.max_time) and self._time_left() <= 0

    def patience(self, longest: float) -> float:
        """Seconds that the loop may wait: `longest`, or what is left of the time."""
        return max(0.0, min(longest, self._time_left())) if self.max_time else longest

    def _time_left(self) -> float:
        return self._since + self.max_time - self.clock.monotonic()
