"""Limits of queues in memory."""

from __future__ import annotations

import threading


class MemoryQueueLimits:
    """See mrq.ports.queuelimits.QueueLimitStore."""

    def __init__(self) -> None:
        self._limits: dict[str, int] = {}
        self._lock = threading.Lock()

    def limits(self) -> dict[str, int]:
        """See QueueLimitStore."""
        with self._lock:
            return dict(self._limits)

    def limit(self, root: str, jobs: int) -> None:
        """See QueueLimitStore."""
        with self._lock:
            self._limits[root] = jobs

    def forget(self, root: str) -> None:
        """See QueueLimitStore."""
        with self._lock:
            self._limits.pop(root, None)
