"""Deploys and Profiles in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mrq.ports.deploys import DEPLOYS_KEPT
from mrq.ports.profiles import PROFILES_KEPT
from mrq.stores.memory_expiry import dropped

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.profile import Profile
    from mrq.ports.deploys import Deploy


class MemoryDeploys:
    """See mrq.ports.deploys.Deploys."""

    def __init__(self) -> None:
        self._marks: dict[Deploy, Deploy] = {}
        self._lock = threading.Lock()

    def mark(self, deploy: Deploy) -> None:
        """See Deploys."""
        with self._lock:
            self._marks[deploy] = deploy

    def between(self, start: datetime, end: datetime, limit: int = 200) -> list[Deploy]:
        """See Deploys."""
        with self._lock:
            found = sorted((mark for mark in self._marks if start <= mark.at < end), key=lambda mark: mark.at)
        return found[-max(1, limit) :]

    def expire(self, before: datetime, limit: int) -> int:
        """See Deploys."""
        with self._lock:
            return dropped(self._marks, lambda mark: mark.at < before - DEPLOYS_KEPT, limit)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See Deploys."""
        return []


class MemoryProfiles:
    """See mrq.ports.profiles.Profiles."""

    def __init__(self) -> None:
        self._profiles: dict[JobId, Profile] = {}
        self._lock = threading.Lock()

    def put(self, profile: Profile) -> None:
        """See Profiles."""
        with self._lock:
            self._profiles[profile.id] = profile

    def get(self, profile: JobId) -> Profile | None:
        """See Profiles."""
        return self._profiles.get(profile)

    def newest(self, worker: WorkerId | None = None, limit: int = 20) -> list[Profile]:
        """See Profiles."""
        with self._lock:
            found = [each for each in self._profiles.values() if worker is None or each.worker == worker]
        return sorted(found, key=lambda each: each.id, reverse=True)[: max(1, limit)]

    def expire(self, before: datetime, limit: int) -> int:
        """See Profiles."""
        with self._lock:
            return dropped(self._profiles, lambda profile: profile.started < before - PROFILES_KEPT, limit)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See Profiles."""
        return []
