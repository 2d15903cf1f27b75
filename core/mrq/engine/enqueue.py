"""Put jobs into their queues."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mrq.domain.job import NewJob
from mrq.domain.queuename import place_in_mongodb
from mrq.domain.stats import counted_as
from mrq.domain.status import Status
from mrq.domain.words import many
from mrq.engine.backoff import Backoff
from mrq.engine.given import check_call
from mrq.engine.keyed import KeyedInsert
from mrq.engine.metrics import Metrics
from mrq.engine.outage import Outage
from mrq.engine.patience import Patience
from mrq.engine.run import current_job_id
from mrq.exceptions import InvalidParamsError
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.spans import NoSpans

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.ids import JobId
    from mrq.domain.jobkeys import KeyTerms
    from mrq.domain.queuename import QueueName
    from mrq.engine.news import QueueNews
    from mrq.engine.waking import Waker
    from mrq.ports.clock import Clock
    from mrq.ports.jobkeys import JobKeys
    from mrq.ports.jobs import JobStore
    from mrq.ports.spans import Spans
    from mrq.ports.wakeups import Wakeups

log = logging.getLogger("mrq.enqueue")


@dataclass(slots=True)
class Enqueuer:
    """Queues jobs and calls idle workers."""

    jobs: JobStore
    wakeups: Wakeups
    clock: Clock
    keys: Callable[[], JobKeys] | None = None  # opened only for jobs that have keys
    sleep: Callable[[float], None] = time.sleep
    metrics: Metrics = field(default_factory=Metrics)
    news: QueueNews | None = None
    waker: Waker | None = None  # of somebody who can start workers
    spans: Spans = field(default_factory=NoSpans)
    patience: Patience = field(init=False)
    _silence: Backoff = field(default_factory=lambda: Backoff(first=1.0, longest=10.0))
    _outage: Outage = field(init=False)
    _call_again: float = float("-inf")  # monotonic seconds until which no worker is called

    def __post_init__(self) -> None:
        self.patience = Patience(self.clock, sleep=self.sleep)
        self._outage = Outage(log, self.clock)

    def enqueue(
        self,
        path: str,
        params_list: Iterable[Any],
        queue: str,
        *,
        batch_size: int = 1000,
        due: datetime | None = None,
        terms: KeyTerms | None = None,
    ) -> list[JobId]:
        """Queue one job for each set of params; their ids in the same order.

        All of them are checked before the first is written, so bad input queues nothing. `due`: a time
        (naive, UTC) before which none is started; it is also their place in the queue. `terms`: their keys, one
        for each set of params; a key that stands for a job already gives the id of that one.

        Raises:
            InvalidParamsError, JobTooLargeError: a job, or a key, can't be stored.
            UnknownTaskError: the path is empty.
            InvalidQueueError: the name is bad, or means no regular queue.
            StoreUnavailableError: MongoDB can't be reached, or, if it could before, stayed away for longer than
                a fail-over takes. Batches before the failing one are queued already.
        """
        check_call(path, params_list)
        name = place_in_mongodb(queue)
        params_list = params_list if isinstance(params_list, Sequence) else list(params_list)  # of a generator
        if not params_list:
            return []
        with self.spans.sending(path, name.id, len(params_list)) as trace:
            ids = self._enqueue(path, params_list, name, batch_size, due, terms, trace)
            if len(ids) == 1:
                self.spans.sent(ids[0])
        return ids

    def _enqueue(
        self,
        path: str,
        params_list: Sequence[Any],
        name: QueueName,
        batch_size: int,
        due: datetime | None,
        terms: KeyTerms | None,
        trace: Mapping[str, str] | None,
    ) -> list[JobId]:
        now = self.clock.now()
        place = now if due is None or due <= now else due
        parent = current_job_id()
        new = [
            NewJob(
                self.jobs.new_id(),
                path,
                _mapping(path, params),
                name.id,
                place,
                due if place is due else None,
                parent,
                trace,
            )
            for params in params_list
        ]
        if not new:
            return []
        names = terms.names(path) if terms else None
        self.jobs.check(new)
        ids: list[JobId] = []
        queued = 0
        for start in range(0, len(new), batch_size):
            batch = new[start : start + batch_size]
            found = self._insert(batch, names[start : start + batch_size] if names else None, terms)
            # the others are jobs that their keys stood for already
            fresh = sum(job.id == job_id for job, job_id in zip(batch, found, strict=True))
            self.metrics.enqueued(name.id, fresh, Status.QUEUED)
            ids += found
            queued += fresh
        self.announce(name.id, queued)
        return ids

    def put(self, new: list[NewJob]) -> None:
        """Queue jobs whose ids are given: those that exist already are left alone.

        Raises:
            InvalidParamsError, JobTooLargeError: a job can't be stored; none was queued.
            StoreUnavailableError: see `enqueue`.
        """
        self.jobs.check(new)
        self._insert(new, None, None)
        self.call_for(job.queue for job in new)

    def _insert(self, batch: list[NewJob], names: list[str | None] | None, terms: KeyTerms | None) -> list[JobId]:
        """Insert, through a fail-over if need be: repeating it queues nothing twice."""
        waiting = f"{many(len(batch), 'job')} can't be queued yet"
        if names is None or terms is None:
            self.patience.through(lambda: self.jobs.insert(batch), waiting)
            return [job.id for job in batch]
        if self.keys is None:
            raise TypeError("this Enqueuer was made without keys; give Enqueuer(..., keys=...)")
        keyed = KeyedInsert(self.jobs, self.keys(), self.clock)
        return self.patience.through(lambda: keyed.insert(batch, names, terms), waiting)

    def announce(self, queue: str, jobs: int) -> None:
        """Jobs have just come into a queue (its full name): wake workers, and say it to all who want to know."""

        def tell() -> None:
            if self.news is None:
                self._notify(counted_as(queue))
            elif self.news.queued(queue, jobs):
                self._wake(counted_as(queue))

        self._through_redis(tell)

    def call_for(self, queues: Iterable[str]) -> None:
        """Wake the idle workers of queues, given by their full names."""
        for queue in {counted_as(queue) for queue in queues}:
            self._through_redis(functools.partial(self._notify, queue))

    def call(self, queue: str) -> None:
        """Wake idle workers of one queue, or of the subqueues of a root."""
        self.call_for([queue])

    def _notify(self, queue: str) -> None:
        """Call those who listen; if nobody does, those who can start workers."""
        if self.wakeups.notify([queue.split("/", 1)[0]]):
            self._wake(queue)

    def _wake(self, queue: str) -> None:
        if self.waker is not None:
            self.waker.ask(queue)

    def _through_redis(self, tell: Callable[[], None]) -> None:
        """A Redis that is away costs latency, never a job: workers also poll.

        One that hangs costs a time-out: so it is let alone for a while, or each of many jobs would pay that.
        """
        if self.clock.monotonic() < self._call_again:
            return
        try:
            tell()
        except StoreUnavailableError as error:
            self._call_again = self.clock.monotonic() + self._silence.failed()
            self._outage.failed("jobs are queued, but idle workers can't be woken", error)
        else:
            self._silence.worked()
            self._outage.over("idle workers can be woken again")


def _mapping(path: str, params: Any) -> Mapping[str, Any]:
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise InvalidParamsError(
            f"params of {path} must be a dict of names and values, not {type(params).__name__}; nothing was queued"
        )
    return params
