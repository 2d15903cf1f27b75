"""What is counted about jobs and workers: sums that can be added up in any order, by queue and task, by period."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mrq.domain.histogram import Histogram
from mrq.domain.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mrq.domain.ids import WorkerId

Key = tuple[str, str]
"""A queue and the path of a task."""

OTHER: Final = "(other)"
"""The queue, and the path, under which is summed what has no place of its own."""

MOST_PAIRS: Final = 500
"""Pairs of queue and path in one period; the rest is summed under OTHER."""

LONGEST_NAME: Final = 300
"""Characters. What has a longer name has no place of its own."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive and in UTC, as all times here


class Resolution(StrEnum):
    """How long a period is. Each is made of those before it."""

    WORKER = "worker"  # a minute of one worker
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        """From the start of a period to that of the next."""
        return _LENGTHS[self]

    @property
    def parent(self) -> Resolution | None:
        """What is made of these."""
        return _PARENTS.get(self)

    @property
    def child(self) -> Resolution | None:
        """What these are made of."""
        return next((child for child, parent in _PARENTS.items() if parent is self), None)

    def start_of(self, moment: datetime) -> datetime:
        """The start of the period that a time (naive, UTC) is in."""
        return _EPOCH + (moment - _EPOCH) // self.length * self.length


_LENGTHS = {
    Resolution.WORKER: timedelta(minutes=1),
    Resolution.MINUTE: timedelta(minutes=1),
    Resolution.HOUR: timedelta(hours=1),
    Resolution.DAY: timedelta(days=1),
}
_PARENTS = {
    Resolution.WORKER: Resolution.MINUTE,
    Resolution.MINUTE: Resolution.HOUR,
    Resolution.HOUR: Resolution.DAY,
}


@dataclass(slots=True)
class Counts:
    """The runs of one task on one queue. `ended`: how they ended, as it was written; `queued` stands for those that
    went back to their queue. `wait`: from when a job was queued or due to its start. `run`: from start to end.
    `grown`: bytes by which the processes grew during `measured` of the runs."""

    started: int = 0
    ended: dict[Status, int] = field(default_factory=dict)
    wait: Histogram = field(default_factory=Histogram)
    run: Histogram = field(default_factory=Histogram)
    measured: int = 0
    grown: int = 0

    def merge(self, other: Counts) -> None:
        """Add the other one's."""
        self.started += other.started
        for status, count in other.ended.items():
            self.ended[status] = self.ended.get(status, 0) + count
        self.wait.merge(other.wait)
        self.run.merge(other.run)
        self.measured += other.measured
        self.grown += other.grown

    def copy(self) -> Counts:
        """One that goes its own way."""
        return Counts(self.started, dict(self.ended), self.wait.copy(), self.run.copy(), self.measured, self.grown)

    @property
    def handed_back(self) -> int:
        """Runs that went back to their queue, unfinished or to be tried again at once."""
        return self.ended.get(Status.QUEUED, 0)

    @property
    def settled(self) -> int:
        """Runs that ended other than by going back to their queue."""
        return sum(self.ended.values()) - self.handed_back

    @property
    def activity(self) -> int:
        """Everything that was counted."""
        return self.started + sum(self.ended.values())


@dataclass(slots=True)
class WorkerSample:
    """What a worker used within a minute, by its reports: sums over `reports` of them, and the largest seen."""

    reports: int = 0
    busy: int = 0  # greenlets at work, summed over the reports
    greenlets: int = 0  # there are
    cpu_ms: int = 0  # processor time spent
    rss: int = 0  # bytes, the most


@dataclass(slots=True)
class FleetSample:
    """The workers of a period, as sums over minutes of workers: divide by `worker_minutes` for the average one."""

    worker_minutes: int = 0
    greenlets: int = 0
    busy_hundredths: int = 0  # of a greenlet
    cpu_ms: int = 0
    rss: int = 0  # bytes
    largest_rss: int = 0  # bytes, of one worker

    @classmethod
    def of(cls, sample: WorkerSample) -> FleetSample:
        """One minute of one worker."""
        if not sample.reports:
            return cls()
        busy = round(100 * sample.busy / sample.reports)
        return cls(1, sample.greenlets, busy, sample.cpu_ms, sample.rss, sample.rss)

    def merge(self, other: FleetSample) -> None:
        """Add the other one's."""
        self.worker_minutes += other.worker_minutes
        self.greenlets += other.greenlets
        self.busy_hundredths += other.busy_hundredths
        self.cpu_ms += other.cpu_ms
        self.rss += other.rss
        self.largest_rss = max(self.largest_rss, other.largest_rss)


@dataclass(slots=True)
class Tally:
    """All that was counted in a period. `dropped`: minutes of workers that were given up unwritten."""

    counts: dict[Key, Counts] = field(default_factory=dict)
    fleet: FleetSample = field(default_factory=FleetSample)
    dropped: int = 0

    def at(self, key: Key, most: int = MOST_PAIRS) -> Counts:
        """The counts of a pair, or those of all the others when there are `most` pairs already."""
        found = self.counts.get(key)
        if found is not None:
            return found
        if len(self.counts) >= most or not all(map(_may_be_a_name, key)):
            key = OTHER, OTHER
        return self.counts.setdefault(key, Counts())

    def merge(self, other: Tally) -> None:
        """Add the other one's, which is left as it is."""
        for key, counts in other.counts.items():
            mine = self.counts.get(key)
            if mine is None:
                self.counts[key] = counts.copy()
            else:
                mine.merge(counts)
        self.fleet.merge(other.fleet)
        self.dropped += other.dropped

    def fold(self, most: int = MOST_PAIRS) -> None:
        """Keep the `most` busiest pairs and sum the rest under OTHER. Depends on what was counted alone, not on the
        order in which it was added."""
        own = [key for key in self.counts if key != (OTHER, OTHER)]
        own.sort(key=lambda key: (-self.counts[key].activity, key))
        for key in own[most:]:
            rest = self.counts.setdefault((OTHER, OTHER), Counts())
            rest.merge(self.counts.pop(key))

    def select(self, queue: str | None = None, path: str | None = None) -> Counts:
        """The sum over the pairs of a queue, of a path, of both; of everything when neither is given."""
        total = Counts()
        for (its_queue, its_path), counts in self.counts.items():
            if queue in (None, its_queue) and path in (None, its_path):
                total.merge(counts)
        return total


@dataclass(frozen=True, slots=True)
class Period:
    """A tally as it is stored. A later write has a higher `revision`; that of a sum is the sum of its parts'.

    `worker`, `sample`: of Resolution.WORKER only.
    """

    id: str
    resolution: Resolution
    start: datetime
    revision: int
    tally: Tally
    worker: WorkerId | None = None
    sample: WorkerSample | None = None

    @property
    def end(self) -> datetime:
        """The start of the next one."""
        return self.start + self.resolution.length


def period_id(resolution: Resolution, start: datetime, source: object = None) -> str:
    """The one name of a period, and of its source (a worker process) when it is a minute of one worker."""
    name = f"{resolution.value}:{start:%Y-%m-%dT%H:%M}"
    return name if source is None else f"{name}:{source}"


def _may_be_a_name(text: str) -> bool:
    """Whether it can be stored, and is worth it."""
    try:
        return len(text) <= LONGEST_NAME and bool(text.encode())
    except UnicodeEncodeError:
        return False


def counted_as(queue: str) -> str:
    """The name under which a queue is counted: there may be any number of subqueues, so they are counted together,
    as `main/`."""
    root, slash, _ = queue.partition("/")
    return f"{root}/" if slash else queue


# ---- queues


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waited in a queue at one moment. `waiting`: could be started; `delayed`: not due yet. `oldest_wait`:
    seconds since the first of the waiting ones was queued or due; None: none waits, or it isn't known (raw queues).
    `capped`: there were more than were counted."""

    waiting: int = 0
    delayed: int = 0
    oldest_wait: float | None = None
    capped: bool = False


@dataclass(frozen=True, slots=True)
class TaskBacklog:
    """Jobs of one task that wait. `overran`: those of them that bursts leave to containers, for they were cut short too
    often."""

    jobs: int
    overran: int = 0


@dataclass(frozen=True, slots=True)
class QueueSamples:
    """All queues at one moment. One that isn't there was empty, if `complete`: neither the time nor the number of
    queues was too much, nor was Redis away. `start`: of the minute, of which there is one sample."""

    start: datetime
    at: datetime
    backlogs: Mapping[str, Backlog]
    complete: bool = True

    def of(self, queue: str) -> Backlog | None:
        """What waited in a queue; None: not known. Subqueues are looked at together, as `main/`."""
        return self.backlogs.get(counted_as(queue), Backlog() if self.complete else None)


def periods(start: datetime, end: datetime, resolution: Resolution) -> Iterator[datetime]:
    """The starts of all periods that begin before `end`, from the one that `start` is in."""
    moment = resolution.start_of(start)
    while moment < end:
        yield moment
        moment += resolution.length
