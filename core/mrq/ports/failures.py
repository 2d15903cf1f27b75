"""FailureStore: jobs whose last run failed, in groups of the same failure. Reading only: all is in the jobs' documents,
but when a failure was seen first, which JobStore.settle keeps.

A job is in the group of its last run until it is queued or starts again, so counts are true at any time.
Each raises StoreUnavailableError when the database is away, or needs longer than its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId

MOST_GROUPS: Final = 200  # that are looked at
MOST_COUNTED: Final = 10_000  # members of a group
SIGHTINGS_KEPT: Final = timedelta(days=90)
"""After so long without a failure of its kind the next one is a new one."""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Jobs that failed in the same way.

    first: when a job failed so for the first time (naive, UTC), whatever has become of it. last: when the last member
    failed.
    """

    fingerprint: str
    path: str
    exceptiontype: str
    jobs: int
    exact: bool  # False: there are more than were counted
    first: datetime
    last: datetime
    example: JobId  # the last one
    message: str  # of the example

    def is_new(self, deploy: datetime | None) -> bool | None:
        """Whether no job failed so before the last deploy (naive, UTC); None: nobody marks deploys."""
        return None if deploy is None else self.first >= deploy


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A member of a group."""

    id: JobId
    path: str
    params: Mapping[str, Any]
    failed: datetime
    queue: str = ""
    message: str = ""


class FailureStore(Protocol):
    """See the module."""

    def groups(self, limit: int = 50) -> list[FailureGroup]:
        """The groups of which a job failed last, newest first. Of more than MOST_GROUPS groups some are not seen."""
        ...

    def group(self, fingerprint: str) -> FailureGroup | None:
        """One group; None: no job is in it."""
        ...

    def members(self, fingerprint: str, limit: int = 100) -> list[FailedJob]:
        """Jobs of a group, newest failure first."""
        ...

    def times(self, fingerprint: str, since: datetime, limit: int) -> list[datetime]:
        """When jobs of a group failed, newest first: no more than `limit`, and none before `since`. Only an index is
        read."""
        ...

    def others(self, path: str, limit: int = 200) -> list[Mapping[str, Any]]:
        """Params of the newest jobs of a task, whatever became of them. Where finding them takes too long: none."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Forget at most `limit` first sights that should have been forgotten before a time; see JobStore."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        ...
