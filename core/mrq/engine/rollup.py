"""Sum up: the minutes of workers to minutes, these to hours, these to days.

A sum is computed from all of its parts and written in place of the one before, so it may be done twice and by any
number at once: one that has seen less than what is stored has a lower revision, and isn't written. A part waits to be
summed up from each of its writes on, so one that comes late is not left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mrq.domain.stats import MOST_PAIRS, FleetSample, Period, Resolution, Tally, period_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mrq.ports.stats import StatsStore

GRACE = timedelta(seconds=20)
"""A period is summed up this long after its end: by then the workers have reported."""

MOST = {Resolution.MINUTE: 60, Resolution.HOUR: 24, Resolution.DAY: 4}
"""Periods that one round sums up."""

PAGE = 100  # parts read at once
WIDEST = 10 * MOST_PAIRS  # pairs in memory while summing up
BEGINNING = datetime(1970, 1, 1)  # noqa: DTZ001 - naive and in UTC, as all times here


@dataclass(frozen=True, slots=True)
class RollUp:
    """`keep`: for how long periods are kept."""

    store: StatsStore
    keep: Mapping[Resolution, timedelta]

    def round(self, now: datetime, may_go_on: Callable[[], bool] = lambda: True) -> int:
        """Sum up what is over and has changed; how many periods. What is left waits for the next round.

        Raises:
            StoreUnavailableError: the rest is left to the next round.
        """
        done = 0
        for resolution, most in MOST.items():
            until = resolution.start_of(now - GRACE)  # the one that has not ended yet
            found = self.store.pending(resolution, BEGINNING, until)
            for _ in range(most):
                if found is None or not may_go_on():
                    break
                self.sum_up(resolution, found)
                done += 1
                found = self.store.pending(resolution, found + resolution.length, until)
        return done

    def sum_up(self, resolution: Resolution, start: datetime) -> Period:
        """Compute a period from its parts and store it."""
        parts: list[Period] = []
        period = total(self.store, resolution, start, parts)
        self.store.put(period, start + self.keep[resolution])
        self.store.summed_up(parts)
        return period


def total(store: StatsStore, resolution: Resolution, start: datetime, seen: list[Period]) -> Period:
    """The sum of a period's parts as they are stored. `seen`: gets the parts, without what was counted."""
    tally, revision = Tally(), 0
    for part in parts_of(store, resolution, start):
        tally.merge(part.tally)
        if part.sample is not None:
            tally.fleet.merge(FleetSample.of(part.sample))
        revision += part.revision
        seen.append(Period(part.id, part.resolution, part.start, part.revision, Tally()))
        if len(tally.counts) > WIDEST:
            tally.fold()
    tally.fold()
    return Period(period_id(resolution, start), resolution, start, revision, tally)


def parts_of(store: StatsStore, resolution: Resolution, start: datetime) -> Iterator[Period]:
    """The parts of a period, page by page."""
    part = resolution.child
    if part is None:
        return
    after: str | None = None
    while page := store.read(part, start, start + resolution.length, limit=PAGE, after=after):
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id
