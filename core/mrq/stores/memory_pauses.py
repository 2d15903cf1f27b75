"""Pauses in memory."""

from __future__ import annotations

import threading


class MemoryPauses:
    """See mrq.ports.pauses.Pauses."""

    def __init__(self) -> None:
        self._paused: set[str] = set()
        self._lock = threading.Lock()

    def pause(self, queue: str) -> None:
        """See Pauses."""
        with self._lock:
            self._paused.add(queue)

    def resume(self, queue: str) -> None:
        """See Pauses."""
        with self._lock:
            self._paused.discard(queue)

    def paused(self) -> frozenset[str]:
        """See Pauses."""
        with self._lock:
            return frozenset(self._paused)
