"""Profiles of workers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

PROFILES_KEPT = timedelta(days=7)

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.profile import Profile


class Profiles(Protocol):
    """Each raises StoreUnavailableError when the database is away."""

    def put(self, profile: Profile) -> None:
        """Keep a profile, for a week."""
        ...

    def get(self, profile: JobId) -> Profile | None:
        """One profile."""
        ...

    def newest(self, worker: WorkerId | None = None, limit: int = 20) -> list[Profile]:
        """The newest profiles, of one worker or of all, newest first."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` profiles that should have been deleted before a time; see JobStore."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        ...
