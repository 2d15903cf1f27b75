"""Statistics as they are read: rates and percentiles instead of sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.status import Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.histogram import Histogram
    from mrq.domain.stats import Counts, FleetSample, QueueSamples, WorkerSample

FAILED = frozenset({Status.FAILED, Status.TIMEOUT, Status.MAXRETRIES})
"""How runs end that should have ended well."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How durations are spread, in seconds: percentiles (5 % more or less), the mean (exact), how many there are."""

    count: int
    p50: float
    p95: float
    p99: float
    mean: float

    @classmethod
    def of(cls, histogram: Histogram) -> Spread | None:
        """None: nothing was counted."""
        mean = histogram.mean
        if mean is None:
            return None
        p50, p95, p99 = (found or 0.0 for found in histogram.percentiles((0.5, 0.95, 0.99)))
        return cls(histogram.count, p50, p95, p99, mean)


@dataclass(frozen=True, slots=True)
class Figures:
    """The runs of a period, of a queue or a task or both (None: of all).

    start, seconds:  the period begins then (UTC) and is so long; one that goes on has its seconds so far
    started:         runs that began
    ended:           how runs ended; `retry` will be tried again, `queued` went back to the queue
    wait, run:       from queued or due to the start (regular queues only), and from start to end; None: nothing counted
    arrivals_per_s:  jobs a second that came into the queue, told from what left it and how it grew; None: not known
    dropped:         minutes of workers that could not be written: their runs are missing here
    growth:          bytes by which the process grew during a run, on average; None: not measured (`trace_memory`)
    """

    start: datetime
    seconds: float
    queue: str | None
    path: str | None
    started: int
    ended: Mapping[Status, int]
    wait: Spread | None
    run: Spread | None
    arrivals_per_s: float | None = None
    dropped: int = 0
    growth: float | None = None

    @property
    def settled(self) -> int:
        """Runs that ended other than by going back to their queue."""
        return sum(runs for status, runs in self.ended.items() if status is not Status.QUEUED)

    @property
    def failed(self) -> int:
        """Runs that ended as `failed`, `timeout` or `maxretries`."""
        return sum(self.ended.get(status, 0) for status in FAILED)

    @property
    def settled_per_s(self) -> float:
        """Runs that ended, a second."""
        return self.settled / self.seconds if self.seconds else 0.0

    @classmethod
    def of(cls, counts: Counts, start: datetime, seconds: float, **about: object) -> Figures:
        """What the sums say. `about`: the other attributes."""
        about = {"queue": None, "path": None, **about}
        wait, run = Spread.of(counts.wait), Spread.of(counts.run)
        about["growth"] = counts.grown / counts.measured if counts.measured else None
        return cls(start=start, seconds=seconds, started=counts.started, ended=counts.ended, wait=wait, run=run,
                   **about)  # type: ignore[arg-type]  # fmt: skip


@dataclass(frozen=True, slots=True)
class QueuePoint:
    """A queue at one moment (UTC). See Backlog."""

    at: datetime
    waiting: int
    delayed: int
    oldest_wait: float | None
    capped: bool = False


@dataclass(frozen=True, slots=True)
class WorkerPoint:
    """A minute of one worker. cpu: share of one core; rss: bytes, the most; busy: greenlets at work on average."""

    start: datetime
    cpu: float
    rss: int
    busy: float
    greenlets: int

    @classmethod
    def of(cls, start: datetime, sample: WorkerSample) -> WorkerPoint:
        """What the reports of that minute say."""
        busy = sample.busy / sample.reports if sample.reports else 0.0
        return cls(start, sample.cpu_ms / 60_000, sample.rss, busy, sample.greenlets)


@dataclass(frozen=True, slots=True)
class FleetPoint:
    """All workers in a period, on average: how many, cores in use, bytes of memory, greenlets at work and there."""

    start: datetime
    workers: float
    cpu: float
    rss: float
    largest_rss: int
    busy: float
    greenlets: float

    @classmethod
    def of(cls, start: datetime, seconds: float, fleet: FleetSample) -> FleetPoint:
        """What the sums say."""
        minutes = max(seconds / 60, 1.0)
        return cls(
            start,
            workers=fleet.worker_minutes / minutes,
            cpu=fleet.cpu_ms / 60_000 / minutes,
            rss=fleet.rss / minutes,
            largest_rss=fleet.largest_rss,
            busy=fleet.busy_hundredths / 100 / minutes,
            greenlets=fleet.greenlets / minutes,
        )


def arrivals_per_second(counts: Counts, before: QueueSamples, after: QueueSamples, queue: str) -> float | None:
    """Jobs a second that came into a queue between two samples, by what left it meanwhile (`counts`) and by how much
    it has grown. Producers don't report; None when it can't be told."""
    first, last = before.of(queue), after.of(queue)
    seconds = (after.at - before.at).total_seconds()
    if first is None or last is None or first.capped or last.capped or seconds <= 0:
        return None
    grown = last.waiting - first.waiting
    return max(0.0, (counts.started - counts.handed_back + grown) / seconds)
