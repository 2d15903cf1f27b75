"""A worker's view of what is paused: asked for now and then, the last answer stands while Redis is away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mrq.domain.queuename import QueueName
    from mrq.ports.clock import Clock
    from mrq.ports.pauses import Pauses

log = logging.getLogger("mrq.worker")


class PauseWatch:
    """Knows which queues are paused, at most `interval` seconds late. 0: pauses are not looked at."""

    def __init__(self, pauses: Pauses, clock: Clock, interval: float) -> None:
        self._pauses = pauses
        self._clock = clock
        self._interval = interval
        self._asked: float | None = None
        self.names: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Ask again if the last answer is too old."""
        now = self._clock.monotonic()
        if not self._interval or (self._asked is not None and now - self._asked < self._interval):
            return
        self._asked = now  # also after a failure: claims must not wait for Redis at every turn
        try:
            self.names = self._pauses.paused()
        except StoreUnavailableError as error:
            log.debug("what is paused is not known: %s", error)

    def is_paused(self, queue: QueueName) -> bool:
        """Whether nothing may be taken from a queue as a whole. Of a root, single subqueues may be paused."""
        return queue.id in self.names or queue.root in self.names
