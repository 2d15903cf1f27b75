"""Count the queues that a worker serves, now and then, and publish what was counted (MRQ 0.9's `queuesize:` keys)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mrq.domain.status import Status
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mrq.domain.queuename import QueueName
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.locks import Locks
    from mrq.ports.sizes import QueueSizes

log = logging.getLogger("mrq.worker")

LIVE = frozenset({Status.QUEUED, Status.STARTED})
MOST_SUBQUEUES = 100  # of one root; those beyond are not counted
MOST_TOUCHED = 1000  # subqueues that are remembered
REST = 20  # a count that took a second is not repeated within so many


class SizePublisher:
    """Each queue is counted by one worker at a time, and the longer a count takes, the more seldom."""

    def __init__(
        self,
        jobs: JobStore,
        sizes: QueueSizes,
        locks: Locks,
        clock: Clock,
        queues: Sequence[QueueName],
        *,
        interval: float,
        ttl: float,
    ) -> None:
        self._jobs = jobs
        self._sizes = sizes
        self._locks = locks
        self._clock = clock
        self._queues = [queue for queue in queues if not queue.is_raw]
        self._interval = interval
        self._ttl = ttl
        # subqueues of which this worker took jobs, and that were not seen empty since; the next to be counted first
        self._touched: dict[str, None] = {}

    def took(self, queues: Iterable[str]) -> None:
        """Jobs were taken from these. A subqueue without jobs is known to nobody, so who took its last one has to say
        that it is empty."""
        for queue in queues:
            if "/" in queue and len(self._touched) < MOST_TOUCHED:
                self._touched[queue] = None

    def round(self) -> None:
        """Count what no other worker has counted lately."""
        try:
            for queue in self._queues:
                lock = f"sizes:{queue.id}"
                # a little less, so that a round that comes after just that time finds the lock open
                key = self._locks.acquire(lock, max(0.5, 0.9 * self._interval))
                if key is None:
                    continue
                began = self._clock.monotonic()
                self._publish(queue)
                rest = REST * (self._clock.monotonic() - began)
                if rest > self._interval:
                    self._locks.extend(lock, key, rest)
            self._publish_touched()
        except StoreUnavailableError as error:
            log.debug("the sizes of queues are not published: %s", error)

    def publish_all(self) -> None:
        """Count all queues now.

        Raises:
            StoreUnavailableError: a database is away.
        """
        for queue in self._queues:
            self._publish(queue)
        self._publish_touched()

    def _publish_touched(self) -> None:
        touched = list(self._touched)[:MOST_SUBQUEUES]
        if touched:
            counts = {name: self._jobs.count(name, LIVE) for name in touched}
            self._sizes.publish(counts, self._ttl)
            for name, count in counts.items():
                self._touched.pop(name, None)
                if count:
                    self._touched[name] = None

    def _publish(self, queue: QueueName) -> None:
        self._sizes.publish({name: self._jobs.count(name, LIVE) for name in self._names(queue)}, self._ttl)

    def _names(self, queue: QueueName) -> Iterable[str]:
        if not queue.serves_subqueues:
            return [queue.id]
        return sorted(self._jobs.subqueues(queue.id.removesuffix("/")))[:MOST_SUBQUEUES]
