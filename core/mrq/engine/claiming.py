"""Take jobs, in batches, from the worker's queues."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mrq.domain.queuename import QueueName, parse_queue
from mrq.engine.backoff import Backoff
from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.jobs import Claim

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import Token
    from mrq.domain.job import ClaimedJob
    from mrq.engine.options import WorkerOptions
    from mrq.engine.state import WorkerState
    from mrq.engine.strategies import Strategy
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore

log = logging.getLogger("mrq.worker")


class Claimer:
    """Asks the queues as the strategy says, and finds jobs again whose claim's answer was lost."""

    def __init__(
        self,
        jobs: JobStore,
        state: WorkerState,
        clock: Clock,
        strategy: Strategy,
        options: WorkerOptions,
        accept: Callable[[list[ClaimedJob]], None],
    ) -> None:
        self._jobs = jobs
        self._state = state
        self._clock = clock
        self._strategy = strategy
        self._options = options
        self._accept = accept
        self._queues = regular_queues(options.queues)
        self._backoff = Backoff()
        self.retry_in = 0.0  # seconds to wait before the next try, after a failed one

    @property
    def roots(self) -> frozenset[str]:
        """Root queues whose wake-ups matter."""
        return frozenset(queue.root for queue in self._queues)

    def claim(self, free: int) -> int:
        """Take up to `free` jobs and hand them to `accept`; how many there were.

        0 when the queues are empty, and when MongoDB is away (then `retry_in` is set).
        """
        taken = 0
        try:
            taken = self._lost_answers()
            for queue, share in self._strategy.plan(self._queues, free):
                room = min(share, free - taken)
                if room <= 0:
                    break
                taken += self._ask(queue, room)
        except StoreUnavailableError as error:
            self.retry_in = self._backoff.failed()
            log.warning("no jobs can be taken, next try in %.1f s: %s", self.retry_in, error)
            return taken
        self.retry_in = 0.0
        if self._backoff.worked():
            log.warning("MongoDB is back: taking jobs again")
        return taken

    def _ask(self, queue: QueueName, limit: int) -> int:
        token = self._jobs.new_id()
        worker, now = self._state.worker, self._clock.now()
        claim = Claim(queue, limit, worker, token, now, self._options.only, self._options.never)
        self._state.open_claims.add(token)  # stays open if the answer is lost
        return self._answered(token, self._jobs.claim(claim))

    def _lost_answers(self) -> int:
        open_claims = list(self._state.open_claims)
        return sum(self._answered(token, self._jobs.claimed_under(self._state.worker, token)) for token in open_claims)

    def _answered(self, token: Token, found: list[ClaimedJob]) -> int:
        if found:
            self._accept(found)
        # only now: between the two the jobs would look as if nobody held them
        self._state.open_claims.discard(token)
        return len(found)


def regular_queues(names: tuple[str, ...]) -> list[QueueName]:
    """The queues of a worker.

    Raises:
        ConfigError: one of them can't be served by this version.
    """
    queues = [parse_queue(name) for name in names]
    for queue in queues:
        if queue.is_raw or queue.serves_subqueues:
            kind = "raw queues" if queue.is_raw else "all subqueues of a root"
            raise ConfigError(f"queue {queue.id!r}: this version's workers don't serve {kind} yet")
    return queues
