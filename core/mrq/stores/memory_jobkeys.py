"""JobKeys in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId


class MemoryJobKeys:
    """See mrq.ports.jobkeys.JobKeys. Keys are never forgotten."""

    def __init__(self) -> None:
        self._held: dict[str, JobId] = {}
        self._lock = threading.Lock()

    def hold(self, wanted: Mapping[str, JobId], expires: datetime) -> dict[str, JobId]:
        """See JobKeys."""
        with self._lock:
            return {name: self._held.setdefault(name, job) for name, job in wanted.items()}

    def pass_on(self, changes: Mapping[str, tuple[JobId, JobId]], expires: datetime) -> dict[str, JobId]:
        """See JobKeys."""
        with self._lock:
            for name, (old, new) in changes.items():
                if self._held.get(name) == old:
                    self._held[name] = new
            return {name: self._held[name] for name in changes if name in self._held}

    def confirm(self, held: Mapping[str, JobId], expires: datetime) -> bool:
        """See JobKeys."""
        with self._lock:
            return all(self._held.get(name) == job for name, job in held.items())

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobKeys."""
        return []
