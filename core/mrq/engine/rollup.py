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
from mrq.engine.stats_pages import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mrq.ports.stats import StatsStore

GRACE = timedelta(seconds=20)
"""A period is summed up this long after its end: by then the workers have reported."""

MOST = {Resolution.MINUTE: 60, Resolution.HOUR: 24, Resolution.DAY: 4}
"""Periods that one round sums up."""

ORDER = (Resolution.DAY, Resolution.HOUR, Resolution.MINUTE, Resolution.HOUR, Resolution.DAY)
"""Hours and days first, which come to an end as long as no minutes are made: else minutes that pile up would starve
them. Then what these minutes have brought."""

PAGE = 100  # parts read at once, at most
WIDEST = 10 * MOST_PAIRS  # pairs in memory while summing up
BEGINNING = datetime(1970, 1, 1)  # noqa: DTZ001 - naive and in UTC, as all times here


@dataclass(frozen=True, slots=True)
class RollUp:
    """`keep`: for how long periods are kept. `pause`: let others go on for a moment; called again and again."""

    store: StatsStore
    keep: Mapping[Resolution, timedelta]
    pause: Callable[[], None] = lambda: None

    def round(self, now: datetime, may_go_on: Callable[[], bool] = lambda: True) -> int:
        """Sum up what is over and has changed; how many periods. What is left waits for the next round, and so does one
        that was begun when it may not go on any more. The first one is ended all the same: else one that takes long
        would never be.

        Raises:
            StoreUnavailableError: the rest is left to the next round.
        """
        done, left = 0, dict(MOST)

        def between() -> None:
            self.pause()
            if done and not may_go_on():
                raise _TimeIsUpError

        for resolution in ORDER:
            until = resolution.start_of(now - GRACE)  # the one that has not ended yet
            found = self.store.pending(resolution, BEGINNING, until)
            while found is not None and left[resolution] and may_go_on():
                try:
                    self.sum_up(resolution, found, between)
                except _TimeIsUpError:
                    return done
                done += 1
                left[resolution] -= 1
                self.pause()
                found = self.store.pending(resolution, found + resolution.length, until)
        return done

    def sum_up(self, resolution: Resolution, start: datetime, between: Callable[[], None] | None = None) -> Period:
        """Compute a period from its parts and store it. `between`: called again and again while they are read."""
        parts: list[Period] = []
        period = total(self.store, resolution, start, parts, between)
        self.store.put(period, start + self.keep[resolution])
        self.store.summed_up(parts)
        return period


class _TimeIsUpError(Exception):
    """A period is given up in the middle."""


def total(
    store: StatsStore,
    resolution: Resolution,
    start: datetime,
    seen: list[Period],
    between: Callable[[], None] | None = None,
) -> Period:
    """The sum of a period's parts as they are stored. `seen`: gets the parts, without what was counted."""
    tally, revision = Tally(), 0
    for part in parts_of(store, resolution, start, between):
        tally.merge(part.tally)
        if part.sample is not None:
            tally.fleet.merge(FleetSample.of(part.sample))
        revision += part.revision
        seen.append(Period(part.id, part.resolution, part.start, part.revision, Tally()))
        if len(tally.counts) > WIDEST:
            tally.fold()
    tally.fold()
    return Period(period_id(resolution, start), resolution, start, revision, tally)


def parts_of(
    store: StatsStore, resolution: Resolution, start: datetime, between: Callable[[], None] | None = None
) -> Iterator[Period]:
    """The parts of a period, page by page."""
    part, end = resolution.child, start + resolution.length
    if part is not None:
        yield from pages(lambda limit, after: store.read(part, start, end, limit=limit, after=after), PAGE, between)
