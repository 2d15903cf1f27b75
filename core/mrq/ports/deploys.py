"""Deploys: marks in time, so that figures can be read before and after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

DEPLOYS_KEPT = timedelta(days=730)

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Deploy:
    """A version of the code went live at a time (naive, UTC)."""

    version: str
    at: datetime


class Deploys(Protocol):
    """Each raises StoreUnavailableError when the database is away."""

    def mark(self, deploy: Deploy) -> None:
        """Keep a mark, for two years. The same one twice is one."""
        ...

    def between(self, start: datetime, end: datetime, limit: int = 200) -> list[Deploy]:
        """The newest marks in [start, end), oldest first."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` marks that should have been deleted before a time; see JobStore."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        ...
