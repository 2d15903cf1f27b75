"""JobLists: pages and counts of jobs for people. Reading only, and each answer costs the same whatever there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.ids import JobId
    from mrq.domain.joblist import JobCount, JobPage, JobQuery, Mark, Order

LOOKED_AT = 10_000
"""Jobs that are looked at for one page or one count, at most."""


class JobLists(Protocol):
    """Each method raises StoreUnavailableError when the database is away, or needs longer than its limit."""

    def page(self, query: JobQuery, order: Order, limit: int, after: Mark | None = None) -> JobPage:
        """The first jobs that fit, behind `after`, at most `limit`.

        Raises:
            ValueError: they can't be sorted so; see Order.
        """
        ...

    def count(self, query: JobQuery, most: int = LOOKED_AT) -> JobCount:
        """How many jobs fit, counted up to `most`, among those that are looked at. Without any condition it is the
        database's own estimate."""
        ...

    def waiting_queues(self, most: int) -> list[str]:
        """Queues in which jobs wait, by name, at most so many. Subqueues go by the name of them all: `q/`."""
        ...

    def running_by_queue(self, most: int = LOOKED_AT) -> dict[str, int]:
        """How many jobs run, by queue; so many are looked at."""
        ...

    def first_id(self, moment: datetime) -> JobId:
        """An id above those of all jobs made before a time (naive, UTC, in whole seconds), and below the others."""
        ...
