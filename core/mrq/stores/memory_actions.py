"""AuditStore and OperationStore in memory: documents of MongoDB's shape."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING

from mrq.ports.operations import RUNNING, OperationState
from mrq.stores import action_documents
from mrq.stores.memory_expiry import dropped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mrq.domain.ids import JobId, Token
    from mrq.ports.audit import AuditEntry
    from mrq.ports.operations import Operation
    from mrq.stores.documents import Document


class MemoryAuditStore:
    """See mrq.ports.audit.AuditStore."""

    def __init__(self) -> None:
        self._documents: dict[JobId, Document] = {}
        self._lock = threading.Lock()

    def add(self, entry: AuditEntry, expires: datetime) -> None:
        """See AuditStore."""
        with self._lock:
            self._documents.setdefault(entry.id, action_documents.audit_document(entry, expires))

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
        with self._lock:
            found = [
                document
                for document in self._documents.values()
                if (after is None or document["_id"] < after)
                and target in (None, document["target"])
                and who in (None, document["who"])
                and (not what or document["what"] in what)
            ]
        found.sort(key=lambda document: document["_id"], reverse=True)
        return [action_documents.audit_entry(document) for document in found[: max(1, limit)]]

    def expire(self, before: datetime, limit: int) -> int:
        """See AuditStore."""
        with self._lock:
            return dropped(self._documents, lambda document: document["dateexpires"] < before, limit)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See AuditStore."""
        return []


class MemoryOperationStore:
    """See mrq.ports.operations.OperationStore."""

    def __init__(self) -> None:
        self._documents: dict[JobId, Document] = {}
        self._lock = threading.Lock()

    def add(self, operation: Operation, expires: datetime) -> None:
        """See OperationStore."""
        with self._lock:
            self._documents.setdefault(operation.id, action_documents.operation_document(operation, expires))

    def hold(self, operation: JobId, runner: Token, now: datetime, until: datetime) -> Operation | None:
        """See OperationStore."""
        with self._lock:
            document = self._documents.get(operation)
            if document is None or not _is_free(document, now):
                return None
            document.update(runner=runner, held=until)
            return action_documents.operation_of(copy.deepcopy(document))

    def save(self, operation: Operation, runner: Token, until: datetime) -> OperationState | None:
        """See OperationStore."""
        with self._lock:
            document = self._documents.get(operation.id)
            if document is None or document.get("runner") != runner:
                return None
            document.update(action_documents.progress(operation), held=until)
            if operation.state not in RUNNING:
                document["state"] = operation.state.value
            return OperationState(document["state"])

    def stop(self, operation: JobId) -> bool:
        """See OperationStore."""
        with self._lock:
            document = self._documents.get(operation)
            if document is None or document["state"] not in RUNNING:
                return False
            document["state"] = OperationState.STOPPING.value
            return True

    def fetch(self, operation: JobId) -> Operation | None:
        """See OperationStore."""
        with self._lock:
            document = self._documents.get(operation)
            return None if document is None else action_documents.operation_of(copy.deepcopy(document))

    def page(self, limit: int, after: JobId | None = None) -> list[Operation]:
        """See OperationStore."""
        with self._lock:
            found = [copy.deepcopy(d) for d in self._documents.values() if after is None or d["_id"] < after]
        found.sort(key=lambda document: document["_id"], reverse=True)
        return [action_documents.operation_of(document) for document in found[: max(1, limit)]]

    def abandoned(self, now: datetime, limit: int) -> list[JobId]:
        """See OperationStore."""
        with self._lock:
            return [d["_id"] for d in self._documents.values() if _is_free(d, now)][: max(1, limit)]

    def expire(self, before: datetime, limit: int) -> int:
        """See OperationStore."""
        with self._lock:
            return dropped(self._documents, lambda document: document["dateexpires"] < before, limit)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See OperationStore."""
        return []


def _is_free(document: Document, now: datetime) -> bool:
    return document["state"] in RUNNING and not (document.get("held") is not None and document["held"] > now)
