"""StatsStore: what workers have counted, its sums over minutes, hours and days, and samples of the queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mrq.domain.ids import WorkerId
    from mrq.domain.stats import Backlog, Period, QueueSamples, Resolution, TaskBacklog


class StatsStore(Protocol):
    """Nothing is ever added to in the database: who counts writes the whole of what it has counted, so a write that is
    repeated counts once. A period that has a parent (a minute has its hour) waits to be summed up into it after each
    write, until `summed_up`.

    Each method raises StoreUnavailableError when the database is away.
    """

    # ---- periods

    def put(self, period: Period, expires: datetime) -> bool:
        """Store a period in place of what is stored of it; False: that has a higher revision, and stays.

        Raises:
            ValueError: it can't be stored at all.
        """
        ...

    def read(
        self,
        resolution: Resolution,
        start: datetime,
        end: datetime,
        *,
        limit: int,
        after: str | None = None,
        queue: str | None = None,
        path: str | None = None,
    ) -> list[Period]:
        """Periods that begin in [start, end), by id, those behind the id `after`; at most `limit`.

        Given a queue or a path, only the counts of that are read.
        """
        ...

    def of_worker(self, worker: WorkerId, start: datetime, end: datetime, limit: int) -> list[Period]:
        """The minutes of one worker that begin in [start, end), in order, without counts of jobs."""
        ...

    def pending(self, resolution: Resolution, start: datetime, end: datetime) -> datetime | None:
        """The first period of `resolution` in [start, end) of which some part has been written since it was summed
        up; None: there is none."""
        ...

    def summed_up(self, parts: Iterable[Period]) -> None:
        """These have been summed up; those that were written again since wait on."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` documents of each kind that should have been deleted before a time; see JobStore."""
        ...

    # ---- queues

    def put_samples(self, samples: QueueSamples, expires: datetime) -> bool:
        """Store a look at the queues; False: there is one of this minute, which stays."""
        ...

    def has_samples(self, start: datetime) -> bool:
        """Whether the queues have been looked at in this minute."""
        ...

    def samples(self, start: datetime, end: datetime, limit: int, queue: str | None = None) -> list[QueueSamples]:
        """Looks at the queues in [start, end), the newest `limit` of them, oldest first. Given a queue, only that is
        read."""
        ...

    def next_queue(self, after: str) -> str | None:
        """The first queue behind `after`, by name, in which jobs are queued, on the index; subqueues go by the name
        of them all, as `main/`. "" is before all."""
        ...

    def backlog(self, queue: str, now: datetime, most: int) -> Backlog:
        """What is queued in a regular queue (`main/`: in all its subqueues), counted up to `most`.

        Raises:
            StoreUnavailableError: also when the database needs too long.
        """
        ...

    def waiting_by_path(self, queue: str, now: datetime, most: int) -> dict[str, TaskBacklog]:
        """Of which tasks the first jobs are that wait in a regular queue (`main/`: in its subqueues) and could start,
        and how many of each; `most` are looked at. Raises as `backlog` does."""
        ...

    def running(self, queue: str, most: int) -> int:
        """How many jobs of a queue run (`main/`: of its subqueues), counted up to `most`; a raw queue's, also those
        that are tried again from another queue. Those that aren't stored aren't seen. Raises as `backlog` does."""
        ...

    # ---- upkeep

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        ...

    def missing_indexes(self) -> list[str]:
        """Indexes that are not there, each with its collection in front: `mrq_stats.mrq_period`."""
        ...
