"""Profiles of workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
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

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        ...
