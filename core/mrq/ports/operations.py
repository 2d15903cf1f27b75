"""OperationStore: bulk actions that go on in the background, and how far each is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId, Token


class OperationState(StrEnum):
    """Where an operation stands."""

    RUNNING = "running"
    STOPPING = "stopping"  # somebody has asked for its end
    STOPPED = "stopped"
    DONE = "done"
    BROKEN = "broken"  # it can't go on; `error` says why


RUNNING = frozenset({OperationState.RUNNING, OperationState.STOPPING})
"""States in which somebody has to go on with it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A bulk action. Every job up to `last` is done with.

    about: the filter, as it was given. total: jobs that fitted when it began, `total_is_exact` or at least so many.
    """

    id: JobId
    action: str
    about: Mapping[str, Any]
    who: str
    started: datetime
    updated: datetime
    destination: str | None = None
    reason: str = ""
    state: OperationState = OperationState.RUNNING
    total: int = 0
    total_is_exact: bool = True
    moved: int = 0
    found: int = 0
    last: JobId | None = None
    error: str | None = None
    runner: Token | None = field(default=None, compare=False)


class OperationStore(Protocol):
    """Whoever goes on with an operation holds it for a while: one at a time. Times are the caller's (naive, UTC).

    Each method raises StoreUnavailableError when the database is away.
    """

    def add(self, operation: Operation, expires: datetime) -> None:
        """Store a new operation. Repeating a call changes nothing: ids decide."""
        ...

    def hold(self, operation: JobId, runner: Token, now: datetime, until: datetime) -> Operation | None:
        """Go on with a running operation, if nobody else does. None: not now, or there is nothing to do."""
        ...

    def save(self, operation: Operation, runner: Token, until: datetime) -> OperationState | None:
        """Write how far it is, for who holds it, and hold it on; its state, which may have become `stopping`. None: it
        isn't the runner's any more. A `stopping` operation does not go back to `running`. An `until` that has passed
        lets go of it."""
        ...

    def stop(self, operation: JobId) -> bool:
        """Ask a running operation to stop. False: there is none of this id that runs."""
        ...

    def fetch(self, operation: JobId) -> Operation | None:
        """One operation."""
        ...

    def page(self, limit: int, after: JobId | None = None) -> list[Operation]:
        """The newest operations, newest first; only those older than the operation `after`."""
        ...

    def abandoned(self, now: datetime, limit: int) -> list[JobId]:
        """Running operations that nobody holds."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` operations that should have been deleted before a time; see JobStore."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        ...
