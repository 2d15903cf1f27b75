"""How much of everything a run measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes and times, in seconds where they are times.

    `limit`: after so long a drain is broken off, and the rate until then counts (some peers would take minutes).
    `bursts`: of 20 jobs, two a second, in the heterogeneous case. `budget`: nothing is begun after so long; what was
    not measured is named.
    """

    rounds: int = 3
    jobs: int = 20_000
    single_jobs: int = 5_000
    sleepers: int = 2_000
    limit: float = 40
    bursts: int = 30
    samples: int = 200
    settle: float = 5
    idle: float = 20
    queued: int = 1_000_000
    budget: float = float("inf")
    seed: int = 0
    quick: bool = False


FULL = Plan()
QUICK = Plan(
    rounds=1,
    jobs=2_000,
    single_jobs=500,
    sleepers=400,
    limit=4,
    bursts=6,
    samples=15,
    settle=1,
    idle=2,
    queued=50_000,
    budget=270,
    quick=True,
)
