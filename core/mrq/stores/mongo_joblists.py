"""JobLists on MongoDB: each page is one stretch of an index, so it costs the same in any collection.

    by id            any filter; up to `looked_at` ids
    mrq_failed       jobs with an exception in the statuses asked for, by id
    mrq_started      running jobs; there are only as many as workers hold
    mrq_queued       the waiting jobs of a queue, in their order

Only the first batch of a cursor is read: the server cuts it at 16 MiB, however large the params are.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import bson
from bson import ObjectId
from pymongo import ASCENDING, DESCENDING

from mrq.domain.joblist import JobCount, JobPage, JobQuery, Mark, Order, regular_expression
from mrq.domain.status import Status
from mrq.ports.joblists import LOOKED_AT
from mrq.stores import documents, mongo_indexes
from mrq.stores.job_filters import query_of
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pymongo.collection import Collection as MongoCollection
    from pymongo.database import Database

    from mrq.domain.ids import JobId
    from mrq.stores.documents import Document

T = TypeVar("T")

LONGEST_LOOK = 3_000  # milliseconds
BY_ID = "_id_"  # MongoDB's own index
_LARGE = dict.fromkeys(documents.LARGE_FIELDS, 0)

WITH_EXCEPTION = frozenset(
    {Status.FAILED, Status.TIMEOUT, Status.MAXRETRIES, Status.RETRY, Status.ABORT, Status.INTERRUPT,
     Status.MAXCONCURRENCY}
)  # fmt: skip


class _Base(NamedTuple):
    """One stretch of an index that holds the jobs of a filter, sorted by id."""

    condition: Document
    by: str | None  # the index; None: by the ids that are asked for
    is_short: bool = False


_BY_ID = _Base({}, BY_ID)


class _Found(NamedTuple):
    """What was found in a stretch; everything up to `until` has been looked at (None: all of it)."""

    documents: list[Document]
    until: JobId | None


class MongoJobLists:
    """See mrq.ports.joblists.JobLists. `looked_at`: jobs for one page or count."""

    def __init__(self, database: Database[Document], looked_at: int = LOOKED_AT) -> None:
        self._jobs: MongoCollection[Document] = database.get_collection("mrq_jobs")
        self._looked_at = looked_at

    @translated
    def page(self, query: JobQuery, order: Order, limit: int, after: Mark | None = None) -> JobPage:
        """See JobLists."""
        limit = max(1, limit)
        if order is Order.PLACE:
            return self._by_place(query, limit, after)
        direction = DESCENDING if order is Order.NEWEST else ASCENDING
        parts = self._each(query, lambda base: self._look(base, query, direction, limit, after))
        return _merged(parts, limit, newest=order is Order.NEWEST)

    @translated
    def count(self, query: JobQuery, most: int = LOOKED_AT) -> JobCount:
        """See JobLists."""
        if query.is_everything:
            return JobCount(self._jobs.estimated_document_count(maxTimeMS=LONGEST_LOOK), exact=False)
        if _is_of_queues(query):
            return self._counted({"$and": [{"queue": {"$gt": ""}}, query_of(query.which)]}, most)
        counts = self._each(query, lambda base: self._count_in(base, query, most))
        total = sum(count.jobs for count in counts)
        return JobCount(min(total, most), exact=total <= most and all(count.exact for count in counts))

    @translated
    def waiting_queues(self, most: int) -> list[str]:
        """See JobLists. From one name to the next in the index of waiting jobs: one short query each."""
        names: list[str] = []
        last: Document = {"$gt": ""}
        while len(names) < most:
            found = self._jobs.find_one(
                {"status": Status.QUEUED.value, "queue": last}, {"queue": 1}, sort=[("queue", ASCENDING)],
                max_time_ms=LONGEST_LOOK,
            )  # fmt: skip
            if found is None:
                break
            root, under, _ = found["queue"].partition("/")
            names.append(root + under)
            last = {"$gte": documents.queue_range(f"{root}/")["$lt"]} if under else {"$gt": root}
        return names

    @translated
    def running_by_queue(self, most: int = LOOKED_AT) -> dict[str, int]:
        """See JobLists."""
        running = {"status": Status.STARTED.value, "worker": {"$exists": True}}
        found = self._jobs.find(running, {"queue": 1}, limit=max(1, most), max_time_ms=LONGEST_LOOK)
        return dict(Counter(document.get("queue") or "" for document in found))

    def first_id(self, moment: datetime) -> JobId:
        """See JobLists."""
        return ObjectId.from_datetime(moment)

    # ---- by id

    def _each(self, query: JobQuery, ask: Callable[[_Base], T]) -> list[T]:
        """The answers from all stretches that hold a filter's jobs; without the index (it is made by workers) from the
        one by id."""
        return mongo_indexes.on_index(lambda: [ask(base) for base in _bases(query)], lambda: [ask(_BY_ID)])

    def _look(self, base: _Base, query: JobQuery, direction: int, limit: int, after: Mark | None) -> _Found:
        behind = "$lt" if direction == DESCENDING else "$gt"
        conditions = [base.condition, *_bounds(query)] + ([{"_id": {behind: after.id}}] if after else [])
        end = None if base.is_short else self._end(conditions, base, direction)
        every = [*conditions, *_conditions(query)]
        if end is not None:
            every.append({"_id": {"$gte" if direction == DESCENDING else "$lte": end}})
        batch, more = self._batch({"$and": every}, [("_id", direction)], limit, base.by)
        if batch and (more or len(batch) == limit):
            return _Found(batch, batch[-1]["_id"])
        return _Found(batch, end)

    def _end(self, conditions: list[Document], base: _Base, direction: int) -> JobId | None:
        """The last id of a stretch; None: it ends with the index."""
        cursor = self._jobs.find({"$and": [*conditions, {}]}, {"_id": 1}, sort=[("_id", direction)], limit=1)
        cursor = cursor.skip(self._looked_at - 1).max_time_ms(LONGEST_LOOK).hint(base.by or BY_ID)
        last = next(iter(cursor), None)
        return None if last is None else last["_id"]

    def _batch(
        self, wanted: Document, sort: Sequence[tuple[str, int]], limit: int, index: str | None
    ) -> tuple[list[Document], bool]:
        """The first batch, and whether the server has cut it."""
        cursor = self._jobs.find_raw_batches(wanted, _LARGE, sort=sort, limit=limit, batch_size=limit, hint=index)
        with closing(cursor.max_time_ms(LONGEST_LOOK)):
            # pymongo types raw batches as documents
            batch = bson.decode_all(cast("bytes", next(cursor, b"")), documents.CODEC)
            return batch, cursor.alive

    def _count_in(self, base: _Base, query: JobQuery, most: int) -> JobCount:
        conditions = [base.condition, *_bounds(query)]
        end = None if base.is_short else self._end(conditions, base, DESCENDING)
        if end is not None:
            conditions.append({"_id": {"$gte": end}})
        count = self._counted({"$and": [*conditions, *_conditions(query), {}]}, most, base.by)
        return JobCount(count.jobs, exact=count.exact and end is None)

    def _counted(self, wanted: Document, most: int, index: str | None = None) -> JobCount:
        hint: Any = {} if index is None else {"hint": index}
        jobs = self._jobs.count_documents(wanted, limit=most + 1, maxTimeMS=LONGEST_LOOK, **hint)
        return JobCount(min(jobs, most), exact=jobs <= most)

    # ---- by place

    def _by_place(self, query: JobQuery, limit: int, after: Mark | None) -> JobPage:
        queue = queue_of_places(query)
        found: list[Document] = []
        for part in _parts_behind(queue, after):
            wanted = {"status": Status.QUEUED.value, **part}
            order = [("queue", ASCENDING), ("datequeued", ASCENDING), ("_id", ASCENDING)]
            batch, more = self._batch(wanted, order, limit - len(found), None)
            found += batch
            if more or len(found) >= limit:
                break
        else:
            return JobPage(tuple(map(documents.record, found)), None)
        last = found[-1]
        return JobPage(tuple(map(documents.record, found)), Mark(last["_id"], last["queue"], last["datequeued"]))


def queue_of_places(query: JobQuery) -> str:
    """The one queue whose jobs may be listed in the order of places. Raises ValueError if there is none."""
    queues = sorted(query.which.queues or ())
    if not _is_of_queues(query) or len(queues) != 1:
        raise ValueError("by place only the queued jobs of one queue, or of one root as in 'main/', can be sorted")
    return queues[0]


def _is_of_queues(query: JobQuery) -> bool:
    """Whether it asks for the waiting jobs of queues and for nothing else."""
    which = query.which
    plain = type(which)(queues=which.queues, statuses=frozenset({Status.QUEUED}))
    return which.queues is not None and which == plain and not query.like


def _parts_behind(queue: str, after: Mark | None) -> list[Document]:
    """What lies behind a mark in the index on (queue, datequeued, _id), each part one stretch of it."""
    whole = documents.queue_range(queue) if queue.endswith("/") else queue
    if after is None or after.queue is None or after.datequeued is None:
        return [{"queue": whole}]
    parts: list[Document] = [
        {"queue": after.queue, "datequeued": after.datequeued, "_id": {"$gt": after.id}},
        {"queue": after.queue, "datequeued": {"$gt": after.datequeued}},
    ]
    if isinstance(whole, dict):
        parts.append({"queue": {"$gt": after.queue, "$lt": whole["$lt"]}})
    return parts


def _bases(query: JobQuery) -> list[_Base]:
    """The stretches that hold a filter's jobs: the shortest that there are."""
    which = query.which
    if which.ids is not None:
        return [_Base({"_id": {"$in": sorted(which.ids)}}, None, is_short=True)]
    if which.statuses == frozenset({Status.STARTED}):
        running = {"status": Status.STARTED.value, "worker": {"$exists": True}}
        return [_Base(running, mongo_indexes.STARTED.document["name"], is_short=True)]
    if which.statuses and which.statuses <= WITH_EXCEPTION:
        index = mongo_indexes.FAILED.document["name"]
        return [
            _Base({"status": status.value, "exceptiontype": {"$exists": True}}, index)
            for status in sorted(which.statuses)
        ]
    return [_BY_ID]


def _bounds(query: JobQuery) -> list[Document]:
    """The part of a filter that an index on ids serves."""
    which = query.which
    ids = type(which)(after=which.after, until=which.until)
    return [found] if (found := query_of(ids)) else []


def _conditions(query: JobQuery) -> list[Document]:
    every = [found] if (found := query_of(query.which)) else []
    like = [{name.value: {"$regex": regular_expression(text), "$options": "s"}} for name, text in query.like.items()]
    return every + like


def _merged(parts: list[_Found], limit: int, *, newest: bool) -> JobPage:
    """One page of several stretches: only as far as all of them have been looked at."""
    frontiers = [part.until for part in parts if part.until is not None]
    found = sorted((d for part in parts for d in part.documents), key=lambda d: d["_id"], reverse=newest)
    cutoff = (max(frontiers) if newest else min(frontiers)) if frontiers else None
    if cutoff is not None:
        found = [d for d in found if (d["_id"] >= cutoff if newest else d["_id"] <= cutoff)]
    kept = found[:limit]
    last = kept[-1]["_id"] if len(kept) == limit and (cutoff is not None or len(found) > limit) else cutoff
    return JobPage(tuple(map(documents.record, kept)), None if last is None else Mark(last))
