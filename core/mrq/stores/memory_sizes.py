"""Published sizes of queues in memory."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class MemoryQueueSizes:
    """See mrq.ports.sizes.QueueSizes."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sizes: dict[str, tuple[int, float]] = {}
        self._monotonic = monotonic
        self._lock = threading.Lock()

    def publish(self, sizes: Mapping[str, int], ttl: float) -> None:
        """See QueueSizes."""
        with self._lock:
            self._sizes.update({queue: (size, self._until(ttl)) for queue, size in sizes.items()})

    def add(self, queue: str, jobs: int, ttl: float) -> None:
        """Count jobs that have just been queued."""
        with self._lock:
            self._sizes[queue] = (self._now(queue) or 0) + jobs, self._until(ttl)

    def published(self, queue: str) -> int | None:
        """See QueueSizes."""
        with self._lock:
            return self._now(queue)

    def _now(self, queue: str) -> int | None:
        size, until = self._sizes.get(queue, (0, 0.0))
        return size if until > self._monotonic() else None

    def _until(self, ttl: float) -> float:
        return self._monotonic() + ttl if ttl > 0 else float("inf")
