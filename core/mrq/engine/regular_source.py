"""Take jobs from regular queues: claims in MongoDB, and the answers to them that got lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mrq.ports.jobs import Claim

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import Token
    from mrq.domain.job import ClaimedJob
    from mrq.domain.queuename import QueueName
    from mrq.engine.budget import Budget
    from mrq.engine.options import WorkerOptions
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore


class RegularSource:
    """See mrq.engine.claiming.Source."""

    def __init__(
        self,
        jobs: JobStore,
        state: WorkerState,
        clock: Clock,
        options: WorkerOptions,
        accept: Callable[[list[ClaimedJob]], None],
        budget: Budget | None = None,
    ) -> None:
        """`budget`: jobs that it has no time for are not claimed."""
        self._jobs = jobs
        self._state = state
        self._clock = clock
        self._options = options
        self._accept = accept
        self._budget = budget
        self._served: dict[str, str] = {}  # by root: the subqueue that gave the last job
        self._empty: set[str] = set()  # queues that had nothing the last time

    def take(self, queue: QueueName, limit: int, paused: frozenset[str]) -> int:
        """See Source. Subqueues of a root take turns: each claim starts behind the one served last.

        Of a queue that was empty one job is asked for first, which is quicker: most often it is the only one, and if
        not, the worker's next look takes the rest.
        """
        taken = self._take(queue, 1 if queue.id in self._empty else limit, paused)
        (self._empty.discard if taken else self._empty.add)(queue.id)
        return taken

    def _take(self, queue: QueueName, limit: int, paused: frozenset[str]) -> int:
        if not queue.serves_subqueues:
            return len(self._claim(queue, limit, paused))
        last = self._served.pop(queue.id, None)
        found = self._claim(queue, limit, paused, after=last)
        if last is not None and len(found) < limit:
            found += self._claim(queue, limit - len(found), paused)
        if found:
            self._served[queue.id] = found[-1].queue
        return len(found)

    def recover(self) -> int:
        """See Source."""
        return sum(
            len(self._answered(token, self._jobs.claimed_under(self._state.worker, token)))
            for token in list(self._state.open_claims)
        )

    def _claim(
        self, queue: QueueName, limit: int, paused: frozenset[str], after: str | None = None
    ) -> list[ClaimedJob]:
        token = self._jobs.new_id()
        worker, now, options = self._state.worker, self._clock.now(), self._options
        never = options.never if self._budget is None else options.never | self._budget.unfit()
        claim = Claim(
            queue, limit, worker, token, now, options.only, never, paused, after, for_burst=self._budget is not None
        )
        self._state.open_claims.add(token)  # stays open if the answer is lost
        return self._answered(token, self._jobs.claim(claim))

    def _answered(self, token: Token, found: list[ClaimedJob]) -> list[ClaimedJob]:
        if found:
            self._accept(found)
        # only now: between the two the jobs would look as if nobody held them
        self._state.open_claims.discard(token)
        return found
