"""Read what was counted. Sums that are not made yet are made while reading, from what is stored: nobody has to wait for
a round of maintenance to see the last minutes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.figures import Figures, FleetPoint, QueuePoint, Spread, WorkerPoint, arrivals_per_second
from mrq.domain.queuefigures import ENOUGH_RUNS, LONGEST_WINDOW, WINDOW, QueueFigures, RunTimes, window_for
from mrq.domain.stats import Counts, FleetSample, QueueSamples, Resolution, Tally, counted_as
from mrq.engine.stats_pages import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrq.domain.ids import WorkerId
    from mrq.domain.stats import Period
    from mrq.engine.queue_samples import QueueSampler
    from mrq.ports.clock import Clock
    from mrq.ports.stats import StatsStore

MOST_POINTS = 1500
"""Periods, or samples, in one answer."""

PAGE = 200
DAY = timedelta(days=1)
LATELY = timedelta(seconds=WINDOW)
"""Of which the current figures of a queue are, unless its jobs run for longer."""
SHORTEST_WINDOW = timedelta(seconds=20)

UNMADE = {Resolution.MINUTE: timedelta(hours=2), Resolution.HOUR: timedelta(days=2), Resolution.DAY: timedelta(days=8)}
"""How far back from now sums are looked for that are not made yet."""


@dataclass(frozen=True, slots=True)
class StatsReader:
    """Times are naive and in UTC. Each method raises StoreUnavailableError when MongoDB is away."""

    store: StatsStore
    sampler: QueueSampler
    clock: Clock

    # ---- jobs

    def figures(
        self,
        start: datetime,
        end: datetime,
        resolution: Resolution,
        queue: str | None = None,
        path: str | None = None,
    ) -> list[Figures]:
        """The figures of each period in [start, end) in which something was counted, in order.

        Raises:
            ValueError: those are too many periods.
        """
        return self.figures_and_whole(start, end, resolution, queue, path)[0]

    def figures_and_whole(
        self,
        start: datetime,
        end: datetime,
        resolution: Resolution,
        queue: str | None = None,
        path: str | None = None,
    ) -> tuple[list[Figures], Figures]:
        """See `figures`; and those of all periods in one: percentiles can't be told from those of the periods.

        Raises:
            ValueError: those are too many periods.
        """
        queue = None if queue is None else counted_as(queue)
        tallies = self._tallies(start, end, resolution, queue, path)
        arrivals = {}
        if queue is not None and path is None and resolution is Resolution.MINUTE:
            arrivals = self._arrivals(queue, tallies)
        selected = {moment: tally.select(queue, path) for moment, tally in tallies.items()}
        whole, began = Counts(), resolution.start_of(start)
        for counts in selected.values():
            whole.merge(counts)
        about: dict[str, Any] = {"queue": queue, "path": path}
        dropped = sum(tally.dropped for tally in tallies.values())
        figures = [
            Figures.of(
                selected[moment],
                moment,
                self._seconds(moment, moment + resolution.length),
                arrivals_per_s=arrivals.get(moment),
                dropped=tally.dropped,
                **about,
            )
            for moment, tally in tallies.items()
        ]
        return figures, Figures.of(whole, began, self._seconds(began, end), dropped=dropped, **about)

    def totals(
        self, start: datetime, end: datetime, resolution: Resolution, *, by_task: bool, queue: str | None = None
    ) -> list[Figures]:
        """The figures of the whole of [start, end), one for each queue, or for each task; the busiest first.

        queue: only what was counted of this one, or of all subqueues of its root
        """
        queue = None if queue is None else counted_as(queue)
        sums: dict[str, Counts] = defaultdict(Counts)
        dropped = 0
        tallies = self._tallies(start, end, resolution, queue=queue)
        for tally in tallies.values():
            dropped += tally.dropped
            for (of_queue, path), counts in tally.counts.items():
                if queue is None or of_queue == queue:
                    sums[path if by_task else of_queue].merge(counts)
        began = resolution.start_of(start)
        seconds = self._seconds(began, end)
        found = sorted(sums.items(), key=lambda item: (-item[1].activity, item[0]))
        return [
            Figures.of(counts, began, seconds, dropped=dropped, **({"path": name} if by_task else {"queue": name}))
            for name, counts in found
        ]

    def run_times(self, path: str, start: datetime, end: datetime, resolution: Resolution) -> Spread | None:
        """How long the runs of a task took in [start, end); None: there were none.

        Raises:
            ValueError: those are too many periods.
        """
        counts = Counts()
        for tally in self._tallies(start, end, resolution, path=path).values():
            counts.merge(tally.select(path=path))
        return Spread.of(counts.run)

    def _seconds(self, start: datetime, end: datetime) -> float:
        return max(0.0, (min(end, self.clock.now()) - start).total_seconds())

    def _tallies(
        self,
        start: datetime,
        end: datetime,
        resolution: Resolution,
        queue: str | None = None,
        path: str | None = None,
    ) -> dict[datetime, Tally]:
        """What was counted, by period."""
        start = resolution.start_of(start)
        if (end - start) // resolution.length > MOST_POINTS:
            raise ValueError(
                f"from {start} to {end} there are more than {MOST_POINTS:,} periods of one {resolution.value}; "
                "ask for a shorter time, or for a coarser resolution"
            )
        found = {period.start: period.tally for period in self._pages(resolution, start, end, queue, path)}
        for moment in self._unmade(resolution, start, end):
            found[moment] = self._made(resolution, moment, queue, path)
        return dict(sorted(found.items()))

    def _pages(
        self, resolution: Resolution, start: datetime, end: datetime, queue: str | None, path: str | None
    ) -> Iterator[Period]:
        def read(limit: int, after: str | None) -> list[Period]:
            return self.store.read(resolution, start, end, limit=limit, after=after, queue=queue, path=path)

        return pages(read, PAGE)

    def _unmade(self, resolution: Resolution, start: datetime, end: datetime) -> set[datetime]:
        """Periods that are not summed up, or of which a part is not, or was written since."""
        if resolution.child is None:
            return set()
        start = max(start, resolution.start_of(self.clock.now() - UNMADE[resolution]))
        found: set[datetime] = set()
        pending = self.store.pending(resolution, start, end)
        while pending is not None:
            found.add(pending)
            pending = self.store.pending(resolution, pending + resolution.length, end)
        return found | {resolution.start_of(moment) for moment in self._unmade(resolution.child, start, end)}

    def _made(self, resolution: Resolution, start: datetime, queue: str | None, path: str | None) -> Tally:
        """A sum as it would be."""
        total, end = Tally(), start + resolution.length
        if resolution.child is not Resolution.WORKER and resolution.child is not None:
            for tally in self._tallies(start, end, resolution.child, queue, path).values():
                total.merge(tally)
            return total
        for part in self._pages(Resolution.WORKER, start, end, queue, path):
            total.merge(part.tally)
            total.fleet.merge(FleetSample() if part.sample is None else FleetSample.of(part.sample))
        return total

    def _arrivals(self, queue: str, tallies: dict[datetime, Tally]) -> dict[datetime, float | None]:
        if not tallies:
            return {}
        minute = Resolution.MINUTE.length
        looks = self.store.samples(min(tallies), max(tallies) + 2 * minute, MOST_POINTS + 1, queue)
        by_start = {look.start: look for look in looks}
        found: dict[datetime, float | None] = {}
        for moment, tally in tallies.items():
            before, after = by_start.get(moment), by_start.get(moment + minute)
            if before is not None and after is not None:
                found[moment] = arrivals_per_second(tally.select(queue), before, after, queue)
        return found

    # ---- queues

    def queue_history(self, queue: str, start: datetime, end: datetime) -> list[QueuePoint]:
        """What waited in a queue, minute by minute: the last 1,500 minutes of [start, end), without those in which
        nobody looked."""
        queue = counted_as(queue)
        found = []
        for look in self.store.samples(start, end, MOST_POINTS, queue):
            backlog = look.of(queue)
            if backlog is not None:
                found.append(QueuePoint(look.at, backlog.waiting, backlog.delayed, backlog.oldest_wait, backlog.capped))
        return found

    def latest_look(self) -> QueueSamples | None:
        """All queues as they were a minute or so ago; None: nobody has looked within the last five."""
        now = self.clock.now()
        looks = self.store.samples(now - LATELY, now + Resolution.MINUTE.length, 1)
        return looks[-1] if looks else None

    def queue_figures(self, queue: str, now: datetime | None = None) -> QueueFigures:
        """A queue as it is now: what waits and what runs is counted at once (to 100,000), the rest is of the last five
        minutes, or of as long as a job runs, up to an hour. Rates are None when no worker has counted anything.

        `now`: by the database's clock, where somebody else may ask for the same; None: by that of this process.
        """
        now, queue = self.clock.now() if now is None else now, counted_as(queue)
        backlog, busy = self.sampler.one(queue, now), self.sampler.running(queue)
        tallies = self._tallies(now - LATELY, now, Resolution.MINUTE, queue)
        counts = _all_of(tallies, queue)
        if counts.run.count < ENOUGH_RUNS or (counts.run.mean or 0.0) > WINDOW:
            tallies = self._tallies(now - timedelta(seconds=LONGEST_WINDOW), now, Resolution.MINUTE, queue)
            if counts.run.count < ENOUGH_RUNS:
                counts = _all_of(tallies, queue)
        run = Spread.of(counts.run) or self._run_times_of_a_day(queue, now)
        since = Resolution.MINUTE.start_of(now - timedelta(seconds=window_for(None if run is None else run.mean)))
        arrivals, completions = self._rates(queue, QueueSamples(since, now, {queue: backlog}), tallies)
        return QueueFigures(
            waiting=backlog.waiting,
            arrivals_per_s=arrivals,
            completions_per_s=completions,
            oldest_wait=backlog.oldest_wait if backlog.waiting else 0.0,
            run_time=None if run is None else RunTimes(run.mean, run.p50, run.p95, run.p99),
            in_progress=busy,
        )

    def _rates(
        self, queue: str, look: QueueSamples, tallies: dict[datetime, Tally]
    ) -> tuple[float | None, float | None]:
        """Arrivals and completions a second from `look.start` until now, which the look is of."""
        looks = self.store.samples(look.start, look.at, MOST_POINTS, queue)
        looks = [each for each in looks if look.at - each.at >= SHORTEST_WINDOW and each.of(queue) is not None]
        begun = looks[0].start if looks else look.start
        tallies = {moment: tally for moment, tally in tallies.items() if moment >= begun}
        if not any(tally.counts or tally.fleet.worker_minutes for tally in tallies.values()):
            return None, None  # nobody counts
        counts, seconds = _all_of(tallies, queue), max((look.at - begun).total_seconds(), 1.0)
        arrivals = arrivals_per_second(counts, looks[0], look, queue) if looks else None
        if arrivals is None and counts.started:  # at least as many as have left it
            arrivals = max(0, counts.started - counts.handed_back) / seconds
        return arrivals, counts.settled / seconds

    def _run_times_of_a_day(self, queue: str, now: datetime) -> Spread | None:
        """Of the hours that are summed up."""
        counts = Counts()
        for period in self._pages(Resolution.HOUR, now - DAY, now, queue, None):
            counts.merge(period.tally.select(queue))
        return Spread.of(counts.run)

    # ---- workers

    def worker_history(self, worker: WorkerId, start: datetime, end: datetime) -> list[WorkerPoint]:
        """The minutes of one worker: the first 1,500 of [start, end)."""
        found = self.store.of_worker(worker, start, end, MOST_POINTS)
        return [WorkerPoint.of(each.start, each.sample) for each in found if each.sample and each.sample.reports]

    def fleet_history(self, start: datetime, end: datetime, resolution: Resolution) -> list[FleetPoint]:
        """All workers together, by period. Raises ValueError: those are too many periods."""
        tallies = self._tallies(start, end, resolution, path="")  # none has this path: no counts are read
        return [
            FleetPoint.of(moment, self._seconds(moment, moment + resolution.length), tally.fleet)
            for moment, tally in tallies.items()
        ]


def _all_of(tallies: dict[datetime, Tally], queue: str) -> Counts:
    counts = Counts()
    for tally in tallies.values():
        counts.merge(tally.select(queue))
    return counts
