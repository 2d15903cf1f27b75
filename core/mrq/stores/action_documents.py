"""Documents of audit entries (`mrq_audit`) and bulk operations (`mrq_operations`).

Filters are kept as JSON text: what users look for in params may have names that MongoDB doesn't take.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from mrq.ports.audit import AuditEntry
from mrq.ports.operations import Operation, OperationState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.stores.documents import Document


def audit_document(entry: AuditEntry, expires: datetime) -> Document:
    """An entry as it is stored."""
    return {
        "_id": entry.id,
        "date": entry.date,
        "who": entry.who,
        "what": entry.what,
        "target": entry.target,
        "about": _text(entry.about),
        "reason": entry.reason,
        "count": entry.count,
        "outcome": entry.outcome,
        "dateexpires": expires,
    }


def audit_entry(document: Document) -> AuditEntry:
    """An entry as it is read back."""
    names = ("date", "who", "what", "target", "reason", "count", "outcome")
    values = {name: document[name] for name in names}
    return AuditEntry(id=document["_id"], about=json.loads(document["about"]), **values)


def operation_document(operation: Operation, expires: datetime) -> Document:
    """A new operation as it is stored."""
    return {
        "_id": operation.id,
        "action": operation.action,
        "about": _text(operation.about),
        "who": operation.who,
        "reason": operation.reason,
        "destination": operation.destination,
        "started": operation.started,
        "dateexpires": expires,
        "running": True,
        **progress(operation),
        "state": operation.state.value,
    }


def progress(operation: Operation) -> Document:
    """What changes while an operation goes on, but for its state."""
    return {
        "updated": operation.updated,
        "total": operation.total,
        "total_is_exact": operation.total_is_exact,
        "moved": operation.moved,
        "found": operation.found,
        "last": operation.last,
        "error": operation.error,
    }


def operation_of(document: Document) -> Operation:
    """An operation as it is read back."""
    names = {each.name for each in fields(Operation)} - {"id", "about", "state", "runner"}
    return Operation(
        id=document["_id"],
        about=json.loads(document["about"]),
        state=OperationState(document["state"]),
        runner=document.get("runner"),
        **{name: document[name] for name in names},
    )


def _text(about: Mapping[str, Any]) -> str:
    return json.dumps(about, default=str)
