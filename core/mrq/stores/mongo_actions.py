"""AuditStore and OperationStore on MongoDB: `mrq_audit` and `mrq_operations`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument, WriteConcern

from mrq.ports.operations import RUNNING, OperationState
from mrq.stores import action_documents, mongo_indexes
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.ids import JobId, Token
    from mrq.ports.audit import AuditEntry
    from mrq.ports.operations import Operation
    from mrq.stores.documents import Document

LONGEST_LOOK = 3_000  # milliseconds
_EXPIRES = IndexModel([("dateexpires", ASCENDING)], name="dateexpires_1", expireAfterSeconds=0)
AUDIT = (
    _EXPIRES,
    # What was done to one thing, or by one person.
    IndexModel([("target", ASCENDING), ("_id", DESCENDING)], name="mrq_target"),
    IndexModel([("who", ASCENDING), ("_id", DESCENDING)], name="mrq_who"),
)
OPERATIONS = (
    _EXPIRES,
    # What somebody has to go on with: mostly empty.
    IndexModel([("held", ASCENDING)], name="mrq_running", partialFilterExpression={"running": True}),
)
_OPEN = sorted(state.value for state in RUNNING)


class MongoAuditStore:
    """See mrq.ports.audit.AuditStore."""

    def __init__(self, database: Database[Document]) -> None:
        self._entries: Collection[Document] = database.get_collection(
            "mrq_audit", write_concern=WriteConcern("majority")
        )

    @translated
    def add(self, entry: AuditEntry, expires: datetime) -> None:
        """See AuditStore."""
        document = action_documents.audit_document(entry, expires)
        self._entries.update_one({"_id": entry.id}, {"$setOnInsert": document}, upsert=True)

    @translated
    def page(
        self,
        limit: int,
        after: JobId | None = None,
        *,
        target: str | None = None,
        who: str | None = None,
        what: Sequence[str] = (),
    ) -> list[AuditEntry]:
        """See AuditStore."""
        wanted: Document = {"_id": {"$lt": after}} if after is not None else {}
        wanted.update({name: value for name, value in (("target", target), ("who", who)) if value is not None})
        if what:
            wanted["what"] = {"$in": sorted(what)}
        found = self._entries.find(wanted, sort=[("_id", DESCENDING)], limit=max(1, limit), max_time_ms=LONGEST_LOOK)
        return [action_documents.audit_entry(document) for document in found]

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See AuditStore."""
        return mongo_indexes.expire(self._entries, _EXPIRES, before, limit)

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See AuditStore."""
        return mongo_indexes.ensure(self._entries, AUDIT, largest)


class MongoOperationStore:
    """See mrq.ports.operations.OperationStore. Every write is conditional."""

    def __init__(self, database: Database[Document]) -> None:
        self._operations: Collection[Document] = database.get_collection(
            "mrq_operations", write_concern=WriteConcern("majority")
        )

    @translated
    def add(self, operation: Operation, expires: datetime) -> None:
        """See OperationStore."""
        document = action_documents.operation_document(operation, expires)
        self._operations.update_one({"_id": operation.id}, {"$setOnInsert": document}, upsert=True)

    @translated
    def hold(self, operation: JobId, runner: Token, now: datetime, until: datetime) -> Operation | None:
        """See OperationStore."""
        free = {"_id": operation, "state": {"$in": _OPEN}, "held": {"$not": {"$gt": now}}}
        document = self._operations.find_one_and_update(
            free, {"$set": {"runner": runner, "held": until}}, return_document=ReturnDocument.AFTER
        )
        return None if document is None else action_documents.operation_of(document)

    @translated
    def save(self, operation: Operation, runner: Token, until: datetime) -> OperationState | None:
        """See OperationStore. The state is written first, and only where it may be: a request to stop stays."""
        mine = {"_id": operation.id, "runner": runner}
        values = {**action_documents.progress(operation), "held": until}
        if operation.state not in RUNNING:
            update: Document = {"$set": {**values, "state": operation.state.value}, "$unset": {"running": ""}}
        else:
            update = {"$set": values}
        document = self._operations.find_one_and_update(mine, update, return_document=ReturnDocument.AFTER)
        return None if document is None else OperationState(document["state"])

    @translated
    def stop(self, operation: JobId) -> bool:
        """See OperationStore."""
        update = {"$set": {"state": OperationState.STOPPING.value}}
        return self._operations.update_one({"_id": operation, "state": {"$in": _OPEN}}, update).matched_count == 1

    @translated
    def fetch(self, operation: JobId) -> Operation | None:
        """See OperationStore."""
        document = self._operations.find_one({"_id": operation})
        return None if document is None else action_documents.operation_of(document)

    @translated
    def page(self, limit: int, after: JobId | None = None) -> list[Operation]:
        """See OperationStore."""
        wanted: Document = {"_id": {"$lt": after}} if after is not None else {}
        found = self._operations.find(wanted, sort=[("_id", DESCENDING)], limit=max(1, limit), max_time_ms=LONGEST_LOOK)
        return [action_documents.operation_of(document) for document in found]

    @translated
    def abandoned(self, now: datetime, limit: int) -> list[JobId]:
        """See OperationStore."""
        free = {"running": True, "held": {"$not": {"$gt": now}}}
        found = self._operations.find(free, {"_id": 1}, limit=max(1, limit), max_time_ms=LONGEST_LOOK)
        return [document["_id"] for document in found]

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See OperationStore."""
        return mongo_indexes.expire(self._operations, _EXPIRES, before, limit)

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See OperationStore."""
        return mongo_indexes.ensure(self._operations, OPERATIONS, largest)
