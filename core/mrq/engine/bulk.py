"""Move many jobs: in batches of bounded size, by ascending id, so that it can be cut off and gone on with."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mrq.domain.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId
    from mrq.domain.jobfilter import FoundJob, JobFilter
    from mrq.engine.enqueue import Enqueuer
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore


_WAITING = "a bulk action waits"


@dataclass(frozen=True, slots=True)
class BulkResult:
    """How far a bulk action is.

    `moved`: jobs that were cancelled or requeued. `found`: jobs that fitted when they were looked for; some may
    have changed before they could be moved. `last`: every job up to this id is done with (None: no job fitted).
    """

    moved: int = 0
    found: int = 0
    last: JobId | None = None


@dataclass(slots=True)
class BulkMover:
    """Cancels or requeues all jobs that a filter fits."""

    jobs: JobStore
    enqueuer: Enqueuer
    clock: Clock

    def count(self, which: JobFilter) -> int:
        """How many jobs a filter fits."""
        return self.enqueuer.patience.through(lambda: self.jobs.count_matching(which), "jobs wait to be counted")

    def move(
        self,
        which: JobFilter,
        to: Status,
        fields: Callable[[FoundJob, datetime], dict[str, Any]],
        *,
        batch_size: int = 1000,
        progress: Callable[[BulkResult], object] | None = None,
    ) -> BulkResult:
        """Move them, `batch_size` at a time. `fields`: see JobStore.move; `progress` is told after each batch.

        Goes on through a fail-over; what was moved when an answer got lost may then be missing in the count.

        Raises:
            StoreUnavailableError: the database stays away. Go on behind the `last` that `progress` was told.
        """
        which, through = which.movable(to), self.enqueuer.patience.through
        moved, found, last = 0, 0, which.after
        while True:
            page = through(partial(self.jobs.matching, replace(which, after=last), batch_size), _WAITING)
            now, before = self.clock.now(), moved
            for values, batch in _by_fields(page.jobs, fields, now):
                moved += through(partial(self.jobs.move_many, batch, which, to, now, values), _WAITING)
            self.enqueuer.metrics.statuses({to: moved - before} if moved > before else {})
            if to is Status.QUEUED:
                self.enqueuer.call_for({fields(job, now).get("queue") or job.queue for job in page.jobs})
            found += len(page.jobs)
            last = page.last or (page.jobs[-1].id if page.jobs else last)
            result = BulkResult(moved, found, last)
            if progress is not None and (page.jobs or page.last is not None):
                progress(result)
            if page.last is None:
                return result


def _by_fields(
    jobs: tuple[FoundJob, ...], fields: Callable[[FoundJob, datetime], dict[str, Any]], now: datetime
) -> list[tuple[Mapping[str, Any], list[JobId]]]:
    """Jobs that get the same values, together."""
    groups: dict[tuple[tuple[str, Any], ...], list[JobId]] = defaultdict(list)
    for job in jobs:
        groups[tuple(fields(job, now).items())].append(job.id)
    return [(dict(values), batch) for values, batch in groups.items()]
