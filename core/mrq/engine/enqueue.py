"""Put jobs into their queues."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mrq.domain.job import NewJob
from mrq.domain.queuename import parse_queue
from mrq.domain.words import how_to_start, many
from mrq.engine.backoff import Backoff
from mrq.engine.given import check_call
from mrq.engine.outage import Outage
from mrq.exceptions import InvalidParamsError, InvalidQueueError
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.ids import JobId
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.wakeups import Wakeups

log = logging.getLogger("mrq.enqueue")


@dataclass(slots=True)
class Enqueuer:
    """Queues jobs and calls idle workers."""

    jobs: JobStore
    wakeups: Wakeups
    clock: Clock
    patience: float = 30.0  # seconds that a fail-over of MongoDB may take
    sleep: Callable[[float], None] = time.sleep
    _reached: bool = False
    _silence: Outage = field(init=False)

    def __post_init__(self) -> None:
        self._silence = Outage(log, self.clock)

    def enqueue(
        self, path: str, params_list: Sequence[Any], queue: str, *, batch_size: int = 1000, due: datetime | None = None
    ) -> list[JobId]:
        """Queue one job for each set of params; their ids in the same order.

        All of them are checked before the first is written, so bad input queues nothing. `due`: a time
        (naive, UTC) before which none is started; it is also their place in the queue.

        Raises:
            InvalidParamsError, JobTooLargeError: a job can't be stored.
            UnknownTaskError: the path is empty.
            InvalidQueueError: the name is bad, or means no regular queue.
            StoreUnavailableError: MongoDB can't be reached, or, if it could before, stayed away for longer than
                a fail-over takes. Batches before the failing one are queued already.
        """
        check_call(path, params_list)
        name = parse_queue(queue)
        if name.is_raw:
            raise InvalidQueueError(f"{queue!r} is a raw queue; jobs go there with queue_raw_jobs()")
        if name.serves_subqueues:
            raise InvalidQueueError(f"{queue!r} means all subqueues of {name.root!r}; name one of them")
        now = self.clock.now()
        place = now if due is None or due <= now else due
        new = [
            NewJob(self.jobs.new_id(), path, _mapping(path, params), name.id, place, due if place is due else None)
            for params in params_list
        ]
        if not new:
            return []
        self.jobs.check(new)
        for start in range(0, len(new), batch_size):
            self._insert(new[start : start + batch_size])
        self.call(name.root)
        return [job.id for job in new]

    def _insert(self, batch: list[NewJob]) -> None:
        """Insert, through a fail-over if need be: repeating it queues nothing twice."""
        backoff, until = Backoff(), self.clock.monotonic() + self.patience
        outage = Outage(log, self.clock)
        while True:
            try:
                self.jobs.insert(batch)
            except StoreUnavailableError as error:
                if not self._reached:
                    raise StoreUnavailableError(f"{error}; {how_to_start('MRQ_MONGODB_JOBS')}") from None
                if self.clock.monotonic() > until:
                    raise
                outage.failed(f"{many(len(batch), 'job')} can't be queued yet", error)
                self.sleep(backoff.failed())
            else:
                self._reached = True
                outage.over(f"MongoDB is back: {many(len(batch), 'job')} queued")
                return

    def call_for(self, queues: Iterable[str]) -> None:
        """Wake the idle workers of queues, given by their full names."""
        for root in {queue.split("/", 1)[0] for queue in queues}:
            self.call(root)

    def call(self, root: str) -> None:
        """Wake idle workers. A Redis that is away costs latency, never a job: workers also poll."""
        try:
            self.wakeups.notify([root])
            self._silence.over("idle workers can be woken again")
        except StoreUnavailableError as error:
            self._silence.failed("jobs are queued, but idle workers can't be woken", error)


def _mapping(path: str, params: Any) -> Mapping[str, Any]:
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise InvalidParamsError(
            f"params of {path} must be a dict of names and values, not {type(params).__name__}; nothing was queued"
        )
    return params
