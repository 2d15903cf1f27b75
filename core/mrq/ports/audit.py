"""AuditStore: who has done what to jobs, queues and schedules, kept for a set time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mrq.domain.ids import JobId


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action. `what` names it ("job.requeue"), `target` what it was done to (a job's id, a queue's name).

    about: what else was said, such as the filter of a bulk action. count: jobs that were touched (None: not known).
    outcome: "done", or why it was not.
    """

    id: JobId
    date: datetime
    who: str
    what: str
    target: str
    about: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    count: int | None = None
    outcome: str = "done"


class AuditStore(Protocol):
    """Entries are never changed. Each method raises StoreUnavailableError when the database is away."""

    def add(self, entry: AuditEntry, expires: datetime) -> None:
        """Keep an entry until a time. Repeating a call changes nothing: ids decide."""
        ...

    def page(
        self,
        limit: int,
        after: JobId | None = None,
        *,
        target: str | None = None,
        who: str | None = None,
        what: Sequence[str] = (),
    ) -> list[AuditEntry]:
        """The newest entries, newest first; only those older than the entry `after`, and of one of these `what`."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` entries that should have been deleted before a time; see JobStore."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        ...
