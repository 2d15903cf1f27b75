"""Which jobs a bulk action is about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mrq.domain.status import sources_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId, Token, WorkerId
    from mrq.domain.status import Status


@dataclass(frozen=True, slots=True)
class DateRange:
    """Times from `since` to `until`, both included (None: no bound). A job without the date is not in it."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Jobs that fit in all respects. None: whatever they have. An empty set fits no job.

    Queues ending in "/" mean all subqueues of a root; the name of a raw queue means the jobs that came from it,
    wherever they wait now. `params`: values of single params; a dot leads into a param that is a dict itself, and
    where a param is a list one of its items may fit.
    """

    ids: frozenset[JobId] | None = None
    queues: frozenset[str] | None = None
    statuses: frozenset[Status] | None = None
    workers: frozenset[WorkerId] | None = None
    paths: frozenset[str] | None = None
    exceptiontypes: frozenset[str] | None = None
    fingerprints: frozenset[str] | None = None  # of groups of failures
    dateretry: tuple[DateRange, ...] | None = None  # in one of them
    params: Mapping[str, Any] = field(default_factory=dict)
    after: JobId | None = None  # ids above this one
    until: JobId | None = None  # ids up to this one
    but: JobId | None = None  # not this one

    def movable(self, to: Status) -> JobFilter:
        """Those of them that may go to a status, by the table of moves."""
        sources = sources_of(to)
        return replace(self, statuses=sources if self.statuses is None else self.statuses & sources)


@dataclass(frozen=True, slots=True)
class FoundJob:
    """What is read of a job that a filter found."""

    id: JobId
    path: str
    queue: str
    status: Status
    datestarted: datetime | None
    worker: WorkerId | None
    token: Token | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the jobs that a filter fits, in the order of their ids.

    `last`: everything up to this id has been looked at (None: there is nothing more to look at).
    """

    jobs: tuple[FoundJob, ...]
    last: JobId | None
