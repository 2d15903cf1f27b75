"""JobReports: what a user wants to know about many jobs at once. Reading only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from mrq.domain.status import Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId

FAILED: Final = frozenset({Status.FAILED, Status.TIMEOUT, Status.MAXRETRIES})
"""How jobs end that should have ended well."""


@dataclass(frozen=True, slots=True)
class TaskReport:
    """The jobs of one task. Times are in seconds and those of runs that ended well; None: there is none."""

    path: str
    jobs: int
    by_status: Mapping[Status, int]
    mean: float | None
    longest: float | None
    total: float


@dataclass(frozen=True, slots=True)
class SlowJob:
    """A job that ended well and took long. `seconds`: of its last run."""

    id: JobId
    path: str
    params: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class Failures:
    """Jobs of one task that ended by the same kind of exception; one of them as an example."""

    path: str
    exceptiontype: str
    jobs: int
    example: JobId
    params: Mapping[str, Any]  # of the example, as is the traceback
    traceback: str

    @property
    def message(self) -> str:
        """The last line of the traceback: the exception and what it said."""
        lines = self.traceback.strip().splitlines()
        return lines[-1].strip() if lines else self.exceptiontype


@dataclass(frozen=True, slots=True)
class Lately:
    """What became of the jobs of the last hours."""

    failed: int  # of the jobs queued since then, as far as they were counted
    example: Failures | None  # the newest of them, and how many of the others are like it
    returning: int  # retries and interrupted jobs that come back by themselves


class JobReports(Protocol):
    """Sums over all jobs. Most read every document, so they are for people and not for loops.

    Each raises StoreUnavailableError when the database is away, or needs longer than its limit.
    """

    def by_status(self) -> dict[Status, int]:
        """How many jobs are in each status; statuses without jobs are left out."""
        ...

    def by_task(self, limit: int = 100) -> list[TaskReport]:
        """One report a task, that with most jobs first, at most `limit`."""
        ...

    def slowest(self, limit: int = 10) -> list[SlowJob]:
        """The jobs that ended well and took longest, slowest first."""
        ...

    def failures(self, limit: int = 20) -> list[Failures]:
        """Jobs that failed, by task and kind of exception, most frequent first."""
        ...

    def lately(self, since: datetime, limit: int = 1000) -> Lately:
        """What became of the jobs queued since then, without reading older ones; counts go up to `limit`."""
        ...

    def now(self) -> datetime:
        """The database's clock (naive, UTC)."""
        ...
