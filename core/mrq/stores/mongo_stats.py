"""StatsStore on MongoDB: `mrq_stats` and `mrq_stats_queues`. See stats_documents for what is in them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import bson.errors
import pymongo
from pymongo import ASCENDING, DESCENDING, UpdateOne, WriteConcern
from pymongo.errors import DocumentTooLarge, DuplicateKeyError, PyMongoError

from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.queuename import parse_queue
from mrq.domain.stats import Backlog, Resolution, TaskBacklog, counted_as
from mrq.domain.status import Status
from mrq.ports.errors import StoreUnavailableError
from mrq.stores import mongo_indexes, stats_documents
from mrq.stores.documents import queue_range
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.ids import WorkerId
    from mrq.domain.stats import Period, QueueSamples
    from mrq.stores.stats_documents import Document

LONGEST_COUNT = 3_000  # milliseconds that the database may count the jobs of one queue
LONGEST_READ = 10_000  # on one page of periods
PATIENCE = 10.0  # seconds for one write: the reports of a worker wait for it


class MongoStatsStore:
    """See mrq.ports.stats.StatsStore."""

    def __init__(self, database: Database[Document]) -> None:
        majority = WriteConcern("majority")
        self._periods: Collection[Document] = database.get_collection("mrq_stats", write_concern=majority)
        self._samples: Collection[Document] = database.get_collection("mrq_stats_queues", write_concern=majority)
        self._jobs: Collection[Document] = database.get_collection("mrq_jobs")

    # ---- periods

    @translated
    def put(self, period: Period, expires: datetime) -> bool:
        """See StatsStore."""
        document = stats_documents.period_document(period, expires)
        older = {"_id": period.id, "rev": {"$lte": period.revision}}
        with pymongo.timeout(PATIENCE):  # both writes together
            try:
                self._periods.replace_one(older, document, upsert=True)
            except DuplicateKeyError:  # it is there: not older, or put there at this very moment
                return self._periods.replace_one(older, document).matched_count == 1
            except (DocumentTooLarge, bson.errors.BSONError) as error:
                raise ValueError(f"MongoDB can't store statistics of {period.id}: {error}") from error
        return True

    @translated
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
        """See StatsStore. Ids of one resolution are in the order of time, so a page ends where the next begins."""
        wanted: Document = {"res": resolution.value, "start": {"$gte": start, "$lt": end}}
        if after is not None:
            wanted["_id"] = {"$gt": after}
        stages: list[Document] = [
            {"$match": wanted},
            {"$sort": {"res": ASCENDING, "start": ASCENDING, "_id": ASCENDING}},
            {"$limit": max(1, limit)},
        ]
        conditions = [_is(key, value) for key, value in (("q", queue), ("p", path)) if value is not None]
        if conditions:
            chosen = {"$filter": {"input": "$counts", "as": "each", "cond": {"$and": conditions}}}
            kept = dict.fromkeys(("res", "start", "rev", "fleet", "dropped", "worker", "sample"), 1)
            stages.append({"$project": {**kept, "counts": chosen}})
        found = self._periods.aggregate(stages, maxTimeMS=LONGEST_READ)
        return [stats_documents.period_of(document) for document in found]

    @translated
    def of_worker(self, worker: WorkerId, start: datetime, end: datetime, limit: int) -> list[Period]:
        """See StatsStore."""
        wanted = {"worker": worker, "start": {"$gte": start, "$lt": end}}
        found = self._periods.find(wanted, {"counts": 0}).sort("start", ASCENDING).limit(max(1, limit))
        return [stats_documents.period_of(document) for document in found.max_time_ms(LONGEST_READ)]

    @translated
    def pending(self, resolution: Resolution, start: datetime, end: datetime) -> datetime | None:
        """See StatsStore."""
        part = resolution.child
        if part is None:
            return None
        # that it exists is said for the planner: the index has no others
        wanted = {"res": part.value, "pending": {"$exists": True, "$gte": start, "$lt": end}}
        found = self._periods.find_one(wanted, {"pending": 1}, sort=[("res", ASCENDING), ("pending", ASCENDING)])
        return None if found is None else found["pending"]

    @translated
    def summed_up(self, parts: Iterable[Period]) -> None:
        """See StatsStore."""
        writes = [UpdateOne({"_id": part.id, "rev": part.revision}, {"$unset": {"pending": ""}}) for part in parts]
        if writes:
            self._periods.bulk_write(writes, ordered=False)

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See StatsStore."""
        everything = (self._periods, self._samples)
        return sum(mongo_indexes.expire(each, mongo_indexes.STATS_EXPIRY, before, limit) for each in everything)

    # ---- queues

    @translated
    def put_samples(self, samples: QueueSamples, expires: datetime) -> bool:
        """See StatsStore."""
        document = stats_documents.samples_document(samples, expires)
        try:
            self._samples.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    @translated
    def has_samples(self, start: datetime) -> bool:
        """See StatsStore."""
        return self._samples.find_one({"_id": stats_documents.samples_id(start)}, {"_id": 1}) is not None

    @translated
    def samples(self, start: datetime, end: datetime, limit: int, queue: str | None = None) -> list[QueueSamples]:
        """See StatsStore."""
        stages: list[Document] = [
            {"$match": {"start": {"$gte": start, "$lt": end}}},
            {"$sort": {"start": DESCENDING}},
            {"$limit": max(1, limit)},
        ]
        if queue is not None:
            chosen = {"$filter": {"input": "$queues", "as": "each", "cond": _is("q", queue)}}
            stages.append({"$project": {"start": 1, "at": 1, "complete": 1, "queues": chosen}})
        found = list(self._samples.aggregate(stages, maxTimeMS=LONGEST_READ))
        return [stats_documents.samples_of(document) for document in found][::-1]

    @translated
    def next_queue(self, after: str) -> str | None:
        """See StatsStore."""
        operator, name = stats_documents.behind(after)
        wanted = {"status": Status.QUEUED.value, "queue": {operator: name}}
        order = [("queue", ASCENDING), ("datequeued", ASCENDING), ("_id", ASCENDING)]  # that of the index
        found = self._jobs.find_one(wanted, {"queue": 1}, sort=order, max_time_ms=LONGEST_COUNT)
        return None if found is None else counted_as(found["queue"])

    def backlog(self, queue: str, now: datetime, most: int) -> Backlog:
        """See StatsStore."""
        with _in_time(queue):
            waiting, since = self._count(queue, {"$lte": now}, most)
            delayed, _ = self._count(queue, {"$gt": now}, most)
        oldest = None if since is None else max(0.0, (now - since).total_seconds())
        return Backlog(waiting, delayed, oldest, capped=most in (waiting, delayed))

    def waiting_by_path(self, queue: str, now: datetime, most: int) -> dict[str, TaskBacklog]:
        """See StatsStore."""
        with _in_time(queue):
            return self._paths(self._waiting(queue, {"$lte": now}, most))

    def running(self, queue: str, most: int) -> int:
        """See StatsStore."""
        # that there is a worker is said for the planner: the index by worker has the started ones alone
        started: Document = {"status": Status.STARTED.value, "worker": {"$exists": True}}
        with _in_time(queue):
            return self._count_started({**started, **_of_queue(queue)}, most)

    @translated
    def _count_started(self, wanted: Document, most: int) -> int:
        return self._jobs.count_documents(wanted, limit=most, maxTimeMS=LONGEST_COUNT)

    @translated
    def _paths(self, waiting: list[Document]) -> dict[str, TaskBacklog]:
        overran = {"$cond": [{"$gte": ["$overruns", MOST_OVERRUNS]}, 1, 0]}
        group = {"_id": "$path", "jobs": {"$sum": 1}, "overran": {"$sum": overran}}
        found = self._jobs.aggregate([*waiting, {"$group": group}], maxTimeMS=LONGEST_COUNT)
        return {group["_id"]: TaskBacklog(group["jobs"], group["overran"]) for group in found}

    @translated
    def _count(self, queue: str, when: Document, most: int) -> tuple[int, datetime | None]:
        """How many, and since when the first of them: in the order of the index, that is the first of a queue even
        when the rest is not looked at."""
        group = {"_id": None, "jobs": {"$sum": 1}, "first": {"$min": "$datequeued"}}
        found = self._jobs.aggregate([*self._waiting(queue, when, most), {"$group": group}], maxTimeMS=LONGEST_COUNT)
        answer = next(iter(found), None)
        return (0, None) if answer is None else (answer["jobs"], answer["first"])

    @staticmethod
    def _waiting(queue: str, when: Document, most: int) -> list[Document]:
        """The first jobs of a queue, in the order of the index."""
        place = _place(queue)
        order = {"queue": ASCENDING, "datequeued": ASCENDING, "_id": ASCENDING}
        wanted = {"queue": place, "status": Status.QUEUED.value, "datequeued": when}
        return [{"$match": wanted}, {"$sort": order}, {"$limit": most}]

    # ---- upkeep

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See StatsStore."""
        return [
            *mongo_indexes.ensure(self._periods, mongo_indexes.STATS, largest),
            *mongo_indexes.ensure(self._samples, mongo_indexes.STATS_QUEUES, largest),
        ]

    @translated
    def missing_indexes(self) -> list[str]:
        """See StatsStore."""
        wanted = ((self._periods, mongo_indexes.STATS), (self._samples, mongo_indexes.STATS_QUEUES))
        return [
            f"{where.name}.{model.document['name']}"
            for where, indexes in wanted
            for model in mongo_indexes.missing(where, indexes)
        ]


def _is(key: str, value: str) -> Document:
    """That a part of `each` has this value, whatever is in it: one that starts with $ is no name of a field."""
    return {"$eq": [f"$$each.{key}", {"$literal": value}]}


def _place(queue: str) -> Any:
    return queue_range(queue) if queue.endswith("/") else queue


def _of_queue(queue: str) -> Document:
    """Jobs of a queue: once they have started, those of a raw queue bear the name of the one for their retries."""
    if parse_queue(queue).is_raw:
        return {"raw_queue": _place(queue)}
    return {"queue": _place(queue), "raw_queue": {"$exists": False}}


@contextmanager
def _in_time(queue: str) -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        if error.timeout:
            raise StoreUnavailableError(f"MongoDB needs too long to count the jobs of {queue}") from None
        raise
