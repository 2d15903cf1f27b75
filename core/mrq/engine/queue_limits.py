"""Queues whose jobs may only run so many at once: a worker takes permits first, then that many jobs."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from mrq.domain.queuename import parse_queue
from mrq.engine.backoff import Backoff
from mrq.engine.outage import Outage
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.queuelimits import NO_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mrq.domain.job import ClaimedJob
    from mrq.domain.queuename import QueueName
    from mrq.engine.options import WorkerOptions
    from mrq.engine.permits import Permits
    from mrq.engine.run import Run
    from mrq.ports.clock import Clock
    from mrq.ports.queuelimits import QueueLimitStore
    from mrq.ports.semaphores import Permit

log = logging.getLogger("mrq.worker")

AGAIN = 1.0  # seconds until a queue whose permits are all taken is looked at again, if nobody calls before


class QueueLimits:
    """The limits of root queues. All their subqueues count together."""

    def __init__(
        self, permits: Permits, options: WorkerOptions, clock: Clock, store: QueueLimitStore | None = None
    ) -> None:
        """`options`: has the limits of the configuration. `store`: what was said at run time; it is looked at as often
        as pauses are."""
        self._permits = permits
        self._configured = self._limits = options.queue_limits
        self._clock = clock
        self._interval = options.paused_queues_refresh_interval
        self._store = store if self._interval else None
        self._asked: float | None = None
        self._spare: dict[str, list[Permit]] = defaultdict(list)  # by root: granted, and no job has them yet
        self._backoff = Backoff()
        self._outage = Outage(log, clock)
        self._not_before = 0.0
        self._full_until = 0.0

    @property
    def retry_in(self) -> float:
        """Seconds until it is worth asking again, where that is not known otherwise; else 0."""
        return max(0.0, max(self._not_before, self._full_until) - self._clock.monotonic())

    def refresh(self) -> None:
        """Ask what was said at run time, if the last answer is too old. It stands while MongoDB is away."""
        now = self._clock.monotonic()
        if self._store is None or (self._asked is not None and now - self._asked < self._interval):
            return
        self._asked = now
        try:
            said = self._store.limits()
        except StoreUnavailableError as error:
            log.debug("limits of queues that were set at run time are not known: %s", error)
            return
        self._limits = {root: limit for root, limit in {**self._configured, **said}.items() if limit != NO_LIMIT}

    def limits(self, queue: QueueName) -> bool:
        """Whether a queue has a limit."""
        return queue.root in self._limits

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
            self._not_before = self._clock.monotonic() + self._backoff.failed()
            self._outage.failed("no jobs of queues with limits are taken, there are no permits", error)
        else:
            self._backoff.worked()
            self._outage.over("Redis is back: taking jobs of queues with limits again")


def _root_of(job: ClaimedJob) -> str:
    """The root queue that a job was taken from. The `queue` of a job from a raw queue is the one for its retries."""
    return parse_queue(job.queue).root if job.raw is None else job.raw.root
