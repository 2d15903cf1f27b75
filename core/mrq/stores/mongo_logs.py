"""LogStore on MongoDB: `mrq_logs`, with MRQ 0.9's fields: {job, logs} or {worker, logs}, and in documents of jobs and
workers of today also

    run             when the run of the job began
    began level     of the first line with a time; the highest of all
    sizes ms levels of each line: characters; milliseconds after `began`, or null; its level

The collection is capped. Where that can't be had (Amazon DocumentDB knows no capped collections), each document
also has `date`, and a TTL index deletes it. Which of the two is found out by trying.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel, WriteConcern
from pymongo.errors import BulkWriteError, CollectionInvalid, DocumentTooLarge, OperationFailure

from mrq.domain.loglines import LogMark
from mrq.domain.logplaces import LogPlace
from mrq.ports.logs import LOGS_SIZE, LOGS_TTL, SEARCHED, FoundLines, LogText, found_in
from mrq.stores import mongo_indexes
from mrq.stores.mongo_client import is_passing, translated
from mrq.stores.mongo_indexes import THERE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.loglines import LogQuery
    from mrq.stores.documents import Document

NAME = "mrq_logs"
PATIENCE = 10.0  # seconds for one write: a connection that hangs must not hold a worker that stops
LONGEST_LOOK = 3_000  # milliseconds, of a search
_DUPLICATE = 11000

# What is read: the pieces of one job, or of one worker. MRQ 0.9's names; each is sparse in effect.
_JOB = IndexModel([("job", ASCENDING)], name="job_1")
_WORKER = IndexModel([("worker", ASCENDING)], name="worker_1", sparse=True)
# Following a job: of its runs what is behind a place, in the order in which it is read.
_FOLLOWED = IndexModel([("job", ASCENDING), ("run", ASCENDING), ("_id", ASCENDING)], name="mrq_followed")
_DATE = "date_1"
SMALL = 100_000  # pieces; in so many an index is made without being asked for, also where they are kept to no size


class MongoLogStore:
    """See mrq.ports.logs.LogStore. `size`: bytes of the capped collection; 0: not capped, a TTL instead."""

    def __init__(self, database: Database[Document], size: int = LOGS_SIZE, ttl: float = LOGS_TTL) -> None:
        self._database = database
        self._size = size
        self._ttl = ttl
        self._logs: Collection[Document] = database.get_collection(NAME, write_concern=WriteConcern("majority"))
        self._capped: bool | None = None  # not known yet

    @translated
    def prepare(self) -> str:
        """See LogStore."""
        self._capped = self._size > 0 and self._is_or_gets_capped()
        indexes = [_JOB, _WORKER, _FOLLOWED if self._capped else self._expiry]
        there = set(self._logs.index_information())
        if missing := [index for index in indexes if index.document["name"] not in there]:
            self._logs.create_indexes(missing)
        if not self._capped:
            mongo_indexes.ensure(self._logs, [_FOLLOWED], SMALL)
        return f"the last {self._size / 2**20:g} MiB" if self._capped else f"for {self._ttl / 86400:g} days"

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See LogStore."""
        # a collection must not come into being by its indexes: it would not be capped
        return mongo_indexes.ensure(self._logs, [_FOLLOWED], largest) if self._exists() else []

    @translated
    def missing_indexes(self) -> list[str]:
        """See LogStore."""
        found = mongo_indexes.missing(self._logs, [_FOLLOWED]) if self._exists() else []
        return [f"{NAME}.{model.document['name']}" for model in found]

    @property
    def _expiry(self) -> IndexModel:
        return IndexModel([("date", ASCENDING)], name=_DATE, expireAfterSeconds=int(self._ttl))

    def _is_or_gets_capped(self) -> bool:
        """Whether the collection is capped, after trying to make it so."""
        try:
            self._database.create_collection(NAME, capped=True, size=self._size, check_exists=False)
        except (CollectionInvalid, OperationFailure) as error:
            if isinstance(error, OperationFailure) and is_passing(error):
                raise
            if not self._exists():
                return False  # capped collections are not known here
        if self._logs.options().get("capped"):
            return True
        try:
            self._database.command("convertToCapped", NAME, size=self._size)
        except OperationFailure as error:
            if is_passing(error):
                raise
        return bool(self._logs.options().get("capped"))  # another worker may have been at it

    def _exists(self) -> bool:
        return bool(self._database.list_collection_names(filter={"name": NAME}))

    def append(self, texts: Sequence[LogText]) -> None:
        """See LogStore."""
        if self._capped is None:
            self.prepare()
        try:
            self._insert(texts)
        except (BulkWriteError, OperationFailure, DocumentTooLarge) as error:
            raise ValueError(f"MongoDB refuses logs: {error}") from error

    @translated
    def _insert(self, texts: Sequence[LogText]) -> None:
        now = datetime.now(UTC).replace(tzinfo=None)
        documents = []
        for text in texts:
            owner: Document = {"job": text.job} if text.job is not None else {"worker": text.worker}
            dated: Document = {} if self._capped else {"date": now}
            documents.append({"_id": text.id, **owner, "logs": text.text, **dated, **_marks_document(text)})
        try:
            with pymongo.timeout(PATIENCE):
                self._logs.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            others = [each for each in error.details["writeErrors"] if each["code"] != _DUPLICATE]
            if others or error.details.get("writeConcernErrors"):
                raise

    @translated
    def read(
        self,
        *,
        job: JobId | None = None,
        worker: WorkerId | None = None,
        after: JobId | LogPlace | None = None,
        limit: int = 1000,
        last: bool = False,
    ) -> list[LogText]:
        """See LogStore."""
        wanted = _of(job, worker if job is None else None)
        if job is None and worker is None:
            return []
        by = ["_id"]
        if isinstance(after, LogPlace):
            wanted["$or"], by = _behind(after), ["run", "_id"]
        elif after is not None:
            wanted["_id"] = {"$gt": after}
        order = [(name, DESCENDING if last else ASCENDING) for name in by]
        found = self._find(wanted, order, max(1, limit), followed=job is not None and isinstance(after, LogPlace))
        return [_text_of(document) for document in (reversed(found) if last else found)]

    def _find(self, wanted: Document, order: list[tuple[str, int]], limit: int, *, followed: bool) -> list[Document]:
        """`followed`: on the index for that, if it is there. Left to itself the planner reads all of a job of many runs
        again and again."""
        cursor = self._logs.find(wanted).sort(order).limit(limit).max_time_ms(LONGEST_LOOK)
        if not followed:
            return list(cursor)
        hinted = cursor.clone().hint(_FOLLOWED.document["name"])
        return mongo_indexes.on_index(lambda: list(hinted), lambda: list(cursor))

    @translated
    def search(self, query: LogQuery, limit: int = 200, before: JobId | None = None) -> FoundLines:
        """See LogStore. Of one job or worker by its index; else the last SEARCHED pieces by id."""
        owner = _of(query.job, query.worker)
        behind: Document = {} if before is None else {"_id": {"$lt": before}}
        end = None if owner else self._end(behind)
        wanted = [owner, behind, _searched(query)] + ([] if end is None else [{"_id": {"$gte": end}}])
        cursor = self._logs.find({"$and": wanted}).sort("_id", DESCENDING).limit(SEARCHED)
        pieces = [_text_of(document) for document in cursor.max_time_ms(LONGEST_LOOK)]
        lines, last = found_in(pieces, query, limit)
        if pieces and last != pieces[-1].id:
            return FoundLines(tuple(lines), last)
        return FoundLines(tuple(lines), end if len(pieces) < SEARCHED else last)

    def _end(self, behind: Document) -> JobId | None:
        """The last piece of a search; None: it ends with the logs."""
        found = self._logs.find(behind, {"_id": 1}).sort("_id", DESCENDING).skip(SEARCHED - 1).limit(1)
        last = next(iter(found.max_time_ms(LONGEST_LOOK)), None)
        return None if last is None else last["_id"]

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See LogStore."""
        return mongo_indexes.expire(self._logs, self._expiry, before, limit)


def _of(job: JobId | None, worker: WorkerId | None) -> Document:
    """What was written by a job, a worker, or one in the other; neither: everything."""
    wanted: Document = {} if job is None else {"job": job}
    return wanted if worker is None else {**wanted, "worker": {"$eq": worker, **THERE}}


def _behind(place: LogPlace) -> list[Document]:
    """What a place has not read: of the runs it knows the rest, and runs that it doesn't know."""
    rest = [{"run": run, "_id": {"$gt": end}} for run, end in place.ends.items()]
    unknown: Document = {"$nin": list(place.ends)}
    if place.floor is None:
        return [*rest, {"run": unknown}]
    if None not in place.ends:
        rest.append({"run": None})
    return [*rest, {"run": {**unknown, "$gte": place.floor}}]


def _searched(query: LogQuery) -> Document:
    """What the database can tell of a piece: the rest is told line by line."""
    wanted: list[Document] = [{"run": query.run}] if query.run is not None else []
    if query.words:
        wanted.append({"logs": {"$regex": re.escape(query.words), "$options": "i"}})
    if query.level:
        wanted.append({"$or": [{"level": {"$gte": query.level}}, {"level": {"$exists": False}}]})
    return {"$and": wanted} if wanted else {}


def _marks_document(text: LogText) -> Document:
    """The fields of its lines; none where nothing is known of them."""
    run: Document = {} if text.run is None else {"run": text.run}
    if not text.marks:
        return run
    times = [mark.at for mark in text.marks if mark.at is not None]
    began = min(times) if times else None
    return {
        **run,
        **({} if began is None else {"began": began}),
        "level": max(mark.level for mark in text.marks),
        "sizes": [mark.size for mark in text.marks],
        "ms": [None if mark.at is None or began is None else (mark.at - began) // _MS for mark in text.marks],
        "levels": [mark.level for mark in text.marks],
    }


_MS = timedelta(milliseconds=1)


def _text_of(document: Mapping[str, Any]) -> LogText:
    get, began = document.get, document.get("began")
    marks = tuple(
        LogMark(size, None if ms is None or began is None else began + ms * _MS, level)
        for size, ms, level in zip(get("sizes") or (), get("ms") or (), get("levels") or (), strict=False)
    )
    return LogText(document["_id"], get("logs", ""), get("job"), get("worker"), get("run"), marks)
