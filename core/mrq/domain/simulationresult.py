"""What came out of a simulation: minute by minute, and in all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mrq.domain.fleetpolicy import FleetPolicy


@dataclass(slots=True)
class Minute:
    """One minute. `waiting` is at its end; `longest_wait` (seconds), `containers` and `bursts` are the most in it."""

    arrivals: int = 0
    waiting: int = 0
    longest_wait: int = 0
    containers: int = 0
    bursts: int = 0
    burst_starts: int = 0
    container_seconds: int = 0
    burst_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A decision that changed the fleet: containers before and after, bursts started, and why."""

    second: int
    before: int
    after: int
    bursts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """A simulated day. `waits`: seconds -> jobs that waited so long; `left`: of them, those that still wait."""

    load: str
    policy: FleetPolicy
    minutes: tuple[Minute, ...]
    waits: Mapping[int, int]
    changes: tuple[Change, ...]
    left: int
    job_seconds: float
    container_second: float
    burst_second: float
    burst_request: float

    @property
    def jobs(self) -> int:
        """Jobs that came in."""
        return sum(minute.arrivals for minute in self.minutes)

    def wait(self, percentile: float) -> int:
        """Seconds that this percentage of the jobs did not wait longer than; 0 without jobs."""
        wanted, seen = sum(self.waits.values()) * percentile / 100, 0
        for seconds in sorted(self.waits):
            seen += self.waits[seconds]
            if seen >= wanted:
                return seconds
        return 0

    @property
    def containers_mean(self) -> float:
        """Containers that were paid, on average; those that start or finish their jobs too."""
        return sum(minute.container_seconds for minute in self.minutes) / (60 * len(self.minutes))

    @property
    def containers_max(self) -> int:
        """The most containers at a time."""
        return max(minute.containers for minute in self.minutes)

    @property
    def bursts_max(self) -> int:
        """The most bursts at a time."""
        return max(minute.bursts for minute in self.minutes)

    @property
    def burst_seconds(self) -> int:
        """Seconds of all bursts together."""
        return sum(minute.burst_seconds for minute in self.minutes)

    @property
    def burst_starts(self) -> int:
        """Bursts that were started."""
        return sum(minute.burst_starts for minute in self.minutes)

    @property
    def scale_changes(self) -> int:
        """How often the number of containers was changed."""
        return sum(1 for change in self.changes if change.after != change.before)

    @property
    def turns_an_hour(self) -> int:
        """How often, in the worst hour, scaling out was followed by scaling in or the other way round."""
        turns, last = [], 0
        for change in self.changes:
            direction = (change.after > change.before) - (change.after < change.before)
            if direction and last and direction != last:
                turns.append(change.second)
            last = direction or last
        return max((sum(1 for turn in turns if 0 <= turn - first < 3600) for first in turns), default=0)

    def cost_of(self, minutes: Sequence[Minute]) -> float:
        """US dollars for some of the minutes."""
        containers = sum(minute.container_seconds for minute in minutes) * self.container_second
        return containers + sum(_burst_cost(self, minute) for minute in minutes)

    @property
    def cost(self) -> float:
        """US dollars for all of it."""
        return self.cost_of(self.minutes)

    @property
    def ideal_cost(self) -> float:
        """US dollars for containers whose slots were all busy whenever they were paid: nothing can be cheaper."""
        return self.jobs * self.job_seconds / self.policy.jobs_per_worker * self.container_second


def _burst_cost(result: Result, minute: Minute) -> float:
    return minute.burst_seconds * result.burst_second + minute.burst_starts * result.burst_request
