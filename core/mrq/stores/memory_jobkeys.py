"""JobKeys in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId


class MemoryJobKeys:
    """See mrq.ports.jobkeys.JobKeys. Keys are forgotten when somebody calls `expire`."""

    def __init__(self) -> None:
        self._held: dict[str, JobId] = {}
        self._expires: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def hold(self, wanted: Mapping[str, JobId], expires: datetime) -> dict[str, JobId]:
        """See JobKeys."""
        with self._lock:
            for name in wanted:
                self._renew(name, expires)
            return {name: self._held.setdefault(name, job) for name, job in wanted.items()}

    def pass_on(self, changes: Mapping[str, tuple[JobId, JobId]], expires: datetime) -> dict[str, JobId]:
        """See JobKeys."""
        with self._lock:
            for name, (old, new) in changes.items():
                if self._held.get(name) == old:
                    self._held[name] = new
                    self._renew(name, expires)
            return {name: self._held[name] for name in changes if name in self._held}

    def confirm(self, held: Mapping[str, JobId], expires: datetime) -> bool:
        """See JobKeys."""
        with self._lock:
            same = [name for name, job in held.items() if self._held.get(name) == job]
            for name in same:
                self._renew(name, expires)
            return len(same) == len(held)

    def expire(self, before: datetime, limit: int) -> int:
        """See JobKeys."""
        with self._lock:
            overdue = [name for name, expires in self._expires.items() if expires < before][: max(1, limit)]
            for name in overdue:
                del self._held[name], self._expires[name]
            return len(overdue)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobKeys."""
        return []

    def _renew(self, name: str, expires: datetime) -> None:
        self._expires[name] = max(expires, self._expires.get(name, expires))
