"""Bulk moves on MongoDB: filters of any shape, over collections of any size, in queries that are all short.

The planner finds the jobs of most filters at once, through an index or because every second job fits. For those it
doesn't (a rare error among a hundred million jobs) the look is cut off, and goes on in stretches of ids.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING
from pymongo.errors import ExecutionTimeout

from mrq.domain.jobfilter import Page
from mrq.stores import documents
from mrq.stores.job_filters import FOUND_FIELDS, found, query_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pymongo.collection import Collection

    from mrq.domain.ids import JobId
    from mrq.domain.jobfilter import FoundJob, JobFilter
    from mrq.domain.status import Status
    from mrq.stores.documents import Document

LONGEST_LOOK = 5_000  # milliseconds
STRETCH = 20_000  # ids

_FOUND = dict.fromkeys(FOUND_FIELDS, 1)
_BY_ID = [("_id", ASCENDING)]


def count_matching(jobs: Collection[Document], which: JobFilter) -> int:
    """See JobStore."""
    try:
        return jobs.count_documents(query_of(which), maxTimeMS=LONGEST_LOOK)
    except ExecutionTimeout:
        total, last = 0, which.after
        while True:
            end = _end_of_stretch(jobs, replace(which, after=last))
            total += jobs.count_documents(query_of(replace(which, after=last, until=end or which.until)))
            if end is None:
                return total
            last = end


def matching(jobs: Collection[Document], which: JobFilter, limit: int) -> Page:
    """See JobStore."""
    limit = max(1, limit)
    try:
        page = _look(jobs, which, limit, LONGEST_LOOK)
    except ExecutionTimeout:
        return _in_stretches(jobs, which, limit)
    return page


def _in_stretches(jobs: Collection[Document], which: JobFilter, limit: int) -> Page:
    """As many stretches as can be looked at in the time that was lost before."""
    some: tuple[FoundJob, ...] = ()
    until = time.monotonic() + LONGEST_LOOK / 1000
    while True:
        end = _end_of_stretch(jobs, which)
        page = _look(jobs, replace(which, until=end or which.until), limit - len(some), None)
        some += page.jobs
        if page.last is not None or end is None:
            return Page(some, page.last)
        if time.monotonic() > until:
            return Page(some, end)
        which = replace(which, after=end)


def _look(jobs: Collection[Document], which: JobFilter, limit: int, longest: int | None) -> Page:
    cursor = jobs.find(query_of(which), _FOUND, sort=_BY_ID, limit=limit, max_time_ms=longest)
    some = tuple(found(document) for document in cursor)
    return Page(some, some[-1].id if len(some) == limit else None)


def _end_of_stretch(jobs: Collection[Document], which: JobFilter) -> JobId | None:
    """The last id of the stretch that begins behind `which.after`; None: it is the last one."""
    bounds: Document = {}
    if which.after is not None:
        bounds["$gt"] = which.after
    if which.until is not None:
        bounds["$lte"] = which.until
    wanted = {"_id": bounds} if bounds else {}
    last = next(iter(jobs.find(wanted, {"_id": 1}, sort=_BY_ID, skip=STRETCH - 1, limit=1)), None)
    return None if last is None else last["_id"]


def move_many(
    jobs: Collection[Document],
    ids: Sequence[JobId],
    which: JobFilter,
    to: Status,
    at: datetime,
    fields: Mapping[str, Any],
) -> int:
    """See JobStore."""
    if not ids:
        return 0
    still = {"_id": {"$in": list(ids)}, **query_of(which.movable(to))}
    return jobs.update_many(still, documents.move_update(to, at, fields)).matched_count
