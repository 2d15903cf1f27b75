"""LogStore on MongoDB: `mrq_logs`, with MRQ 0.9's fields: {job, logs} or {worker, logs}.

The collection is capped. Where that can't be had (Amazon DocumentDB knows no capped collections), each document
also has `date`, and a TTL index deletes it. Which of the two is found out by trying.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel, WriteConcern
from pymongo.errors import BulkWriteError, CollectionInvalid, DocumentTooLarge, OperationFailure

from mrq.ports.logs import LOGS_SIZE, LOGS_TTL, LogText
from mrq.stores.mongo_client import is_passing, translated
from mrq.stores.mongo_indexes import THERE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.ids import JobId, WorkerId
    from mrq.stores.documents import Document

NAME = "mrq_logs"
PATIENCE = 10.0  # seconds for one write: a connection that hangs must not hold a worker that stops
_DUPLICATE = 11000

# What is read: the pieces of one job, or of one worker. MRQ 0.9's names; each is sparse in effect.
_JOB = IndexModel([("job", ASCENDING)], name="job_1")
_WORKER = IndexModel([("worker", ASCENDING)], name="worker_1", sparse=True)
_DATE = "date_1"


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
        indexes = [_JOB, _WORKER]
        if not self._capped:
            indexes.append(IndexModel([("date", ASCENDING)], name=_DATE, expireAfterSeconds=int(self._ttl)))
        there = set(self._logs.index_information())
        if missing := [index for index in indexes if index.document["name"] not in there]:
            self._logs.create_indexes(missing)
        return f"the last {self._size / 2**20:g} MiB" if self._capped else f"for {self._ttl / 86400:g} days"

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
            documents.append({"_id": text.id, **owner, "logs": text.text, **dated})
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
        after: JobId | None = None,
        limit: int = 1000,
        last: bool = False,
    ) -> list[LogText]:
        """See LogStore."""
        wanted: Document = {"job": job} if job is not None else {"worker": {"$eq": worker, **THERE}}
        if job is None and worker is None:
            return []
        if after is not None:
            wanted["_id"] = {"$gt": after}
        order = DESCENDING if last else ASCENDING
        found = list(self._logs.find(wanted).sort("_id", order).limit(max(1, limit)))
        return [
            LogText(d["_id"], d.get("logs", ""), d.get("job"), d.get("worker"))
            for d in (reversed(found) if last else found)
        ]
