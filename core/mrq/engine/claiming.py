"""Take jobs, in batches, from the worker's queues."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Protocol

from mrq.domain.queuename import parse_queue
from mrq.engine.backoff import Backoff
from mrq.engine.outage import Outage
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mrq.domain.queuename import QueueName
    from mrq.engine.pauses import PauseWatch
    from mrq.engine.queue_limits import QueueLimits
    from mrq.engine.strategies import Strategy
    from mrq.ports.clock import Clock

log = logging.getLogger("mrq.worker")


class Source(Protocol):
    """One kind of queue, as a worker takes jobs from it. Both methods hand the jobs to the worker themselves,
    before they forget that they asked, so that no job is ever held by nobody."""

    def take(self, queue: QueueName, limit: int, paused: frozenset[str]) -> int:
        """Take up to `limit` jobs, none of `paused` subqueues; how many there were.

        Raises:
            StoreUnavailableError: it is not known what was taken; `recover` finds out.
        """
        ...

    def recover(self) -> int:
        """Find the jobs again whose taking was never answered; how many there were.

        Raises:
            StoreUnavailableError: not yet.
        """
        ...


class _Side:
    """A source, and when it may be asked again after it failed: one database that is away must not hold up the
    queues of the other."""

    def __init__(self, source: Source, name: str, clock: Clock) -> None:
        self.source = source
        self._name = name
        self._clock = clock
        self._backoff = Backoff()
        self._outage = Outage(log, clock)
        self._not_before = 0.0

    @property
    def rests(self) -> float:
        """Seconds until it may be asked again; 0: now."""
        return max(0.0, self._not_before - self._clock.monotonic())

    def ask(self, question: Callable[[], int]) -> int:
        """What it answers; 0 when it is away, which makes it rest."""
        try:
            return question()
        except StoreUnavailableError as error:
            pause = self._backoff.failed()
            self._not_before = self._clock.monotonic() + pause
            self._outage.failed(f"no jobs can be taken from {self._name}", error)
            return 0

    def worked(self) -> None:
        """A whole round went well."""
        if not self.rests:
            self._backoff.worked()
            self._outage.over(f"{self._name} is back: taking jobs again")


class Claimer:
    """Asks the queues as the strategy says, and finds jobs again whose claim's answer was lost."""

    def __init__(
        self,
        queues: Sequence[QueueName],
        strategy: Strategy,
        regular: Source,
        raw: Source,
        pauses: PauseWatch,
        clock: Clock,
        limits: QueueLimits,
    ) -> None:
        self._queues = list(queues)
        self._strategy = strategy
        self._regular = _Side(regular, "MongoDB", clock)
        self._raw = _Side(raw, "Redis", clock)
        self._pauses = pauses
        self._limits = limits

    @property
    def roots(self) -> frozenset[str]:
        """Root queues whose wake-ups matter."""
        return frozenset(queue.root for queue in self._queues)

    @property
    def retry_in(self) -> float:
        """Seconds to wait before the next try, when a database was away or a queue is at its limit; else 0."""
        rests = (self._regular.rests, self._raw.rests, self._limits.retry_in)
        return min((rest for rest in rests if rest), default=0.0)

    def claim(self, free: int) -> int:
        """Take up to `free` jobs and hand them to the worker; how many there were.

        0 when the queues are empty, and when a database is away (then `retry_in` is set).
        """
        self._pauses.refresh()
        self._limits.refresh()
        sides = [side for side in (self._regular, self._raw) if not side.rests]
        taken = sum(side.ask(side.source.recover) for side in sides)
        for queue, share in self._strategy.plan(self._queues, free):
            room = min(share, free - taken)
            if room <= 0:
                break
            side = self._raw if queue.is_raw else self._regular
            if not side.rests and not self._pauses.is_paused(queue) and (room := self._limits.room(queue, room)):
                taken += side.ask(functools.partial(side.source.take, queue, room, self._pauses.names))
        for queue in self._queues:
            if not (self._raw if queue.is_raw else self._regular).rests:
                self._limits.settle_up(queue)
        for side in sides:
            side.worked()
        return taken


def queues_of(names: Iterable[str]) -> list[QueueName]:
    """The queues of a worker. Raises InvalidQueueError."""
    return [parse_queue(name) for name in names]
