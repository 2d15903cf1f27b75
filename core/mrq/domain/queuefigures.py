"""What is known of a group's queues when its fleet is sized."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WINDOW = 300.0
"""Seconds of which rates are, while jobs are shorter than that."""
LONGEST_WINDOW = 3600.0
ENOUGH_RUNS = 30
"""So many runs that ended within WINDOW show how long jobs run. Where fewer did, those of LONGEST_WINDOW are asked."""


def window_for(mean_run_time: float | None) -> float:
    """Over how many seconds rates are measured: at least over a run time. Then jobs in progress, as rate times run
    time, vary no more by measuring than they do by themselves."""
    return min(max(WINDOW, known(mean_run_time) or 0.0), LONGEST_WINDOW)


@dataclass(frozen=True, slots=True)
class RunTimes:
    """How long jobs run, in seconds."""

    mean: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """Figures of one queue, or of several added up. None: not known, as before the first measurement.

    `waiting`: jobs that could start now. `arrivals_per_s`, `completions_per_s`: over the last minutes, see
    `window_for`; whatever leaves the queue counts as completed, failed jobs too. `oldest_wait`: seconds.
    `containers_only`: waiting jobs that no burst takes, being too long for one. `in_progress`: jobs that run now.
    """

    waiting: int = 0
    arrivals_per_s: float | None = None
    completions_per_s: float | None = None
    oldest_wait: float | None = None
    run_time: RunTimes | None = None
    containers_only: int | None = None
    in_progress: int | None = None

    @property
    def arrivals(self) -> float:
        """Jobs a second that come in; 0 where it is not known."""
        return known(self.arrivals_per_s) or 0.0

    @property
    def mean_run_time(self) -> float | None:
        """Seconds; None before a run was measured."""
        return None if self.run_time is None else known(self.run_time.mean)

    @property
    def p99_run_time(self) -> float | None:
        """Seconds; None before a run was measured."""
        return None if self.run_time is None else known(self.run_time.p99)


def known(value: float | None) -> float | None:
    """A measurement that can be used. NaN, infinity and what is below 0 are none."""
    return None if value is None or not math.isfinite(value) or value < 0 else value


def added_up(queues: Iterable[QueueFigures]) -> QueueFigures:
    """The figures of several queues that one fleet drains.

    Jobs and rates are summed (of the known ones). The oldest wait is the longest one. The mean run time is that of all
    jobs, so weighted by completions (by arrivals, or equally, where nothing was completed); for the percentiles the
    largest is taken, which none of the mixture exceeds. If one queue with waiting jobs doesn't know how many only
    containers can take, then the sum doesn't either.

    A dead queue among living ones is not seen in a sum: where one may die alone, give it a group of its own.
    """
    found = list(queues)
    unknown = any(each.containers_only is None and each.waiting for each in found)
    return QueueFigures(
        waiting=sum(each.waiting for each in found),
        arrivals_per_s=_sum([each.arrivals_per_s for each in found]),
        completions_per_s=_sum([each.completions_per_s for each in found]),
        oldest_wait=max(_known([each.oldest_wait for each in found]), default=None),
        run_time=_run_times([each for each in found if each.mean_run_time is not None]),
        containers_only=None if unknown else sum(each.containers_only or 0 for each in found),
        in_progress=sum(counts) if (counts := [n for each in found if (n := each.in_progress) is not None]) else None,
    )


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in map(known, values) if value is not None]


def _sum(values: Sequence[float | None]) -> float | None:
    found = _known(values)
    return sum(found) if found else None


def _run_times(measured: Sequence[QueueFigures]) -> RunTimes | None:
    times = [each.run_time for each in measured if each.run_time is not None]
    if not times:
        return None
    weights = [known(each.completions_per_s) or 0.0 for each in measured]
    if not sum(weights):
        weights = [each.arrivals for each in measured]
    if not sum(weights):
        weights = [1.0] * len(times)
    mean = sum(weight * each.mean for weight, each in zip(weights, times, strict=True)) / sum(weights)
    return RunTimes(
        mean=mean,
        p50=max(each.p50 for each in times),
        p95=max(each.p95 for each in times),
        p99=max(each.p99 for each in times),
    )
