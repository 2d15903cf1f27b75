"""How durations are spread: counts in buckets that grow by a tenth, so that a percentile is right to 5 % whatever the
durations are, and two histograms are merged by adding their counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GROWTH: Final = 1.1
"""Each bucket ends at so many times its beginning: the middle of it is off by (GROWTH - 1) / (GROWTH + 1) at most."""

SMALLEST: Final = 0.0001
"""Seconds. What is shorter counts as this: bucket 0."""

LONGEST: Final = 100 * 24 * 3600.0
"""Seconds. What is longer counts as this."""

_STEPS = 1 / log(GROWTH)
_SHIFT = 1 - log(SMALLEST) * _STEPS  # what is just above the smallest is in bucket 1
_MIDDLE = 2 * GROWTH / (1 + GROWTH)

LAST: Final = int(log(LONGEST) * _STEPS + _SHIFT)
"""The last bucket: there are LAST + 1 of them at most."""


@dataclass(slots=True)
class Histogram:
    """`counts`: durations by bucket. `micros`: all of them together, in whole microseconds: a sum of floats would
    depend on the order in which histograms are merged."""

    counts: dict[int, int] = field(default_factory=dict)
    micros: int = 0

    def add(self, seconds: float) -> None:
        """Count a duration. One below 0 (clocks that differ) counts as the smallest. Called twice for each job."""
        if seconds > SMALLEST:
            if seconds > LONGEST:  # noqa: PLR1730 - min() takes longer than the rest of this
                seconds = LONGEST
            bucket = int(log(seconds) * _STEPS + _SHIFT)
            self.micros += int(seconds * 1e6)
        else:
            bucket = 0
        try:
            self.counts[bucket] += 1
        except KeyError:
            self.counts[bucket] = 1

    def merge(self, other: Histogram) -> None:
        """Add what another one counted."""
        counts = self.counts
        for bucket, count in other.counts.items():
            counts[bucket] = counts.get(bucket, 0) + count
        self.micros += other.micros

    def copy(self) -> Histogram:
        """One that goes its own way."""
        return Histogram(dict(self.counts), self.micros)

    @property
    def count(self) -> int:
        """How many durations."""
        return sum(self.counts.values())

    @property
    def mean(self) -> float | None:
        """Seconds; None when there is nothing."""
        count = self.count
        return self.micros / 1_000_000 / count if count else None

    def percentile(self, share: float) -> float | None:
        """The duration (seconds) within which this share (0 to 1) of all lies, 5 % more or less; None when there is
        nothing."""
        return next(self.percentiles([share]))

    def percentiles(self, shares: Iterable[float]) -> Iterator[float | None]:
        """Several percentiles, in the order in which they are asked for."""
        count, ordered = self.count, sorted(self.counts.items())
        for share in shares:
            left = max(1, ceil(share * count - 1e-9))  # 0.07 * 100 is a little more than 7
            found: float | None = None
            for bucket, many in ordered:
                left -= many
                if left <= 0:
                    found = middle(bucket)
                    break
            yield found


def middle(bucket: int) -> float:
    """The duration (seconds) that stands for a bucket."""
    return SMALLEST * GROWTH ** (bucket - 1) * _MIDDLE if bucket > 0 else SMALLEST
