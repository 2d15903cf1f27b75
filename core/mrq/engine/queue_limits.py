"""Queues whose jobs may only run so many at once: a worker takes permits first, then that many jobs."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from mrq.domain.queuename import parse_queue
from mrq.engine.backoff import Backoff
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mrq.domain.job import ClaimedJob
    from mrq.domain.queuename import QueueName
    from mrq.engine.permits import Permits
    from mrq.engine.run import Run
    from mrq.ports.clock import Clock
    from mrq.ports.semaphores import Permit

log = logging.getLogger("mrq.worker")

AGAIN = 1.0  # seconds until a queue whose permits are all taken is looked at again, if nobody calls before


class QueueLimits:
    """The limits of root queues. All their subqueues count together."""

    def __init__(self, permits: Permits, limits: Mapping[str, int], clock: Clock) -> None:
        self._permits = permits
        self._limits = limits
        self._clock = clock
        self._spare: dict[str, list[Permit]] = defaultdict(list)  # by root: granted, and no job has them yet
        self._backoff = Backoff()
        self._not_before = 0.0
        self._full_until = 0.0

    @property
    def retry_in(self) -> float:
        """Seconds until it is worth asking again, where that is not known otherwise; else 0."""
        return max(0.0, max(self._not_before, self._full_until) - self._clock.monotonic())

    def room(self, queue: QueueName, wish: int) -> int:
        """For how many of the wished jobs there are permits; all of them where there is no limit."""
        limit = self._limits.get(queue.root)
        if limit is None:
            return wish
        spare, wish = self._spare[queue.root], min(wish, limit)
        if len(spare) < wish and self._clock.monotonic() >= self._not_before:
            self._ask(queue.root, limit, wish - len(spare))
        if not spare:
            self._full_until = self._clock.monotonic() + AGAIN
        return min(wish, len(spare))

    def assign(self, runs: Iterable[Run]) -> None:
        """These runs were taken from their queues: each gets its permit."""
        for run in runs if self._limits else ():
            spare = self._spare.get(_root_of(run.job))
            if spare:
                run.permits = (*run.permits, spare.pop())

    def settle_up(self, queue: QueueName) -> None:
        """All answers about the queue are there: permits that no job needs are released."""
        if spare := self._spare.pop(queue.root, []):
            self._permits.give_back_now(spare)

    def start_over(self) -> None:
        """The worker takes a new identity."""
        self._spare.clear()

    def _ask(self, root: str, limit: int, many: int) -> None:
        name = f"queue:{root}"
        wanted = [self._permits.new(name) for _ in range(many)]
        try:
            self._spare[root] += self._permits.ask(name, limit, wanted)
        except StoreUnavailableError as error:
            self._permits.give_back(wanted)
            pause = self._backoff.failed()
            self._not_before = self._clock.monotonic() + pause
            log.warning("no jobs of %s are taken without permits, next try in %.1f s: %s", root, pause, error)
        else:
            if self._backoff.worked():
                log.warning("Redis is back: taking jobs of queues with limits again")


def _root_of(job: ClaimedJob) -> str:
    """The root queue that a job was taken from. The `queue` of a job from a raw queue is the one for its retries."""
    origin = getattr(job, "raw", None)
    return str(origin.root) if origin is not None else parse_queue(job.queue).root
