"""What a run has found, the targets it is held to, and which of them it misses. No I/O: canned figures do as well."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from benchmarks.contenders import OLD, OURS
from benchmarks.imports import BUDGETS

FLOORS, CLAIMS, IMPORTS = "floors", "claim with many queued", "import"
HANDOVER, DURABLE_HANDOVER = "BLPOP floor", "durable hand-over floor"
HASTY_HANDOVER = "unsynced hand-over floor"  # the same without awaiting a disk
SLEEPERS = "greenlets floor"  # sleeps without any queue
IN_FLIGHT = "in flight"

Figures = dict[str, dict[str, list[float]]]
"""By case and by who was measured: a value a round."""


@dataclass(frozen=True)
class About:
    """How a case is shown."""

    title: str
    unit: str
    lower: bool = False  # whether less is better


CASES = {
    "drain": About("Drain, results stored, one process", "jobs/s"),
    "drain, no results": About("Drain, no results stored, one process", "jobs/s"),
    "drain, 2 processes": About("Drain, results stored, 2 processes", "jobs/s"),
    "drain, 4 processes": About("Drain, results stored, 4 processes", "jobs/s"),
    "drain CPU": About("Drain, results stored: processor time of the workers", "µs a job", lower=True),
    "raw queue, stored": About("Raw queue, jobs stored", "jobs/s"),
    "raw queue, not stored": About("Raw queue, nothing stored", "jobs/s"),
    "raw queue, not stored CPU": About(
        "Raw queue, nothing stored: processor time of the workers", "µs a job", lower=True
    ),
    "enqueue in bulk": About("Enqueue in bulk", "jobs/s"),
    "enqueue one by one": About("Enqueue one by one", "jobs/s"),
    "I/O-bound": About("I/O-bound: time as a multiple of the ideal", "x", lower=True),
    "heterogeneous p95": About("Small jobs among large ones, wait, p95", "ms", lower=True),
    "idle pickup p50": About("Pickup by an idle worker, p50", "ms", lower=True),
    "idle pickup p99": About("Pickup by an idle worker, p99", "ms", lower=True),
    "idle memory": About("Memory of an idle worker (PSS)", "MiB", lower=True),
    "idle CPU": About("CPU of an idle worker", "% of a core", lower=True),
    IN_FLIGHT: About("Memory for each 1,000 jobs in flight (PSS)", "MiB", lower=True),
    CLAIMS: About("A claim beside one with 1,000 queued", "x", lower=True),
    IMPORTS: About("Import, CPU time", "ms", lower=True),
    FLOORS: About("Floors: bare loops over the drivers", "operations/s"),
}


@dataclass
class Results:
    """A whole run."""

    about: dict[str, Any] = field(default_factory=dict)
    figures: Figures = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def add(self, case: str, who: str, value: float) -> None:
        """One more round's value."""
        self.figures.setdefault(case, {}).setdefault(who, []).append(value)

    def median(self, case: str, who: str) -> float | None:
        """None if it was not measured."""
        values = self.figures.get(case, {}).get(who)
        return statistics.median(values) if values else None


@dataclass(frozen=True)
class Target:
    """Ours in `case`, divided by the best of `against`, is at least `limit` (at most, where less is better).

    `against`: pairs of a case and the begin of a name; "" for every peer. Without, `limit` is a figure itself.
    """

    text: str
    case: str
    limit: float
    against: tuple[tuple[str, str], ...] = ()
    who: str = OURS

    @property
    def lower(self) -> bool:
        """Whether less is better."""
        return CASES[self.case].lower


@dataclass(frozen=True)
class Verdict:
    """`value`: None if something was not measured; `rival`: whom it was divided by."""

    target: Target
    value: float | None
    rival: str = ""

    @property
    def missed(self) -> bool:
        """Measured, and not good enough."""
        if self.value is None:
            return False
        return self.value > self.target.limit if self.target.lower else self.value < self.target.limit


_EVERYONE = (("drain", ""), ("drain, no results", ""))
TARGETS = [
    Target("Drain: 8 x Celery's best pool", "drain", 8, (("drain", "celery"),)),
    Target("Drain: 10 x MRQ 0.9", "drain", 10, (("drain", OLD),)),
    Target("Drain: ahead of every peer, also of those that store no result", "drain", 1, _EVERYONE),
    Target("Drain: 70 % of the bare loop with the same batches", "drain", 0.7, ((FLOORS, "batched floor"),)),
    Target("Raw queue, stored: 3 x MRQ 0.9", "raw queue, stored", 3, (("raw queue, stored", OLD),)),
    Target("Raw queue, nothing stored: MRQ 0.9", "raw queue, not stored", 1, (("raw queue, not stored", OLD),)),
    Target("Enqueue in bulk: MRQ 0.9", "enqueue in bulk", 1, (("enqueue in bulk", OLD),)),
    Target("Enqueue in bulk: 70 % of insert_many", "enqueue in bulk", 0.7, ((FLOORS, "insert_many floor"),)),
    Target("Enqueue one by one: MRQ 0.9 (awaits no disk)", "enqueue one by one", 1, (("enqueue one by one", OLD),)),
    Target(
        "Enqueue one by one: ahead of every peer that writes durably", "enqueue one by one", 1,
        (("enqueue one by one", "procrastinate"),),
    ),
    Target("I/O-bound: within 5 % of the ideal", "I/O-bound", 1.05),
    Target("Small jobs' p95 wait: no worse than any peer", "heterogeneous p95", 1, (("heterogeneous p95", ""),)),
    Target("Pickup p50: 3 x a bare BLPOP hand-over", "idle pickup p50", 3, (("idle pickup p50", HANDOVER),)),
    Target("Pickup p99: ahead of every peer", "idle pickup p99", 1, (("idle pickup p99", ""),)),
    Target("Idle worker with its guard: 60 MiB", "idle memory", 60),
    Target("Idle worker with its guard: 0.3 % of a core", "idle CPU", 0.3),
    Target("A claim with 1,000,000 queued: within 20 % of one with 1,000", CLAIMS, 1.2),
    *(Target(f"Import of {module}: {budget:g} ms", IMPORTS, budget, who=module) for module, budget in BUDGETS.items()),
]  # fmt: skip


def judge(results: Results) -> list[Verdict]:
    """Each target, in order."""
    return [_judge(results, target) for target in TARGETS]


def _judge(results: Results, target: Target) -> Verdict:
    ours = results.median(target.case, target.who)
    if ours is None or not target.against:
        return Verdict(target, ours)
    found = [
        (statistics.median(values), who)
        for case, begin in target.against
        for who, values in results.figures.get(case, {}).items()
        if who.startswith(begin) and who != OURS and (begin or not who.endswith("floor"))
    ]
    if not found:
        return Verdict(target, None)
    best, rival = min(found) if target.lower else max(found)
    return Verdict(target, ours / best, rival)
