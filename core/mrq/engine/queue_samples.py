"""Look at the queues once a minute: how much waits, and for how long.

Only queues with something in them are written down; one that isn't there was empty.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.queuename import parse_queue
from mrq.domain.stats import Backlog, QueueSamples, Resolution
from mrq.engine.clock import unix
from mrq.exceptions import InvalidQueueError
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime, timedelta

    from mrq.ports.raw import RawQueues
    from mrq.ports.stats import StatsStore

log = logging.getLogger("mrq.stats")

MOST_COUNTED = 100_000  # jobs of one queue
MOST_QUEUES = 200  # of each kind


@dataclass(frozen=True, slots=True)
class QueueSampler:
    """`raw_queues`: raw queues of the configuration; others are known once a worker has served them."""

    store: StatsStore
    raw: RawQueues
    raw_queues: Iterable[str]
    keep: timedelta

    def round(self, now: datetime, may_go_on: Callable[[], bool] = lambda: True) -> bool:
        """Look at the queues if nobody has in this minute; whether it was done.

        Raises:
            StoreUnavailableError: MongoDB is away.
        """
        start = Resolution.MINUTE.start_of(now)
        if self.store.has_samples(start):
            return False
        return self.store.put_samples(self.look(now, may_go_on), start + self.keep)

    def look(self, now: datetime, may_go_on: Callable[[], bool] = lambda: True) -> QueueSamples:
        """All queues as they are now.

        Raises:
            StoreUnavailableError: MongoDB is away.
        """
        regular, all_regular = self._regular(now, may_go_on)
        raw, all_raw = self._raw(now, may_go_on)
        return QueueSamples(Resolution.MINUTE.start_of(now), now, {**regular, **raw}, complete=all_regular and all_raw)

    def one(self, queue: str, now: datetime) -> Backlog:
        """One queue as it is now.

        Raises:
            StoreUnavailableError: its database is away, or too slow.
        """
        name = parse_queue(queue)
        return self._raw_backlog(queue, now) if name.is_raw else self.store.backlog(name.id, now, MOST_COUNTED)

    def running(self, queue: str) -> int:
        """Jobs of a queue that run now, as far as they are stored. Raises as `one` does."""
        return self.store.running(queue, MOST_COUNTED)

    def _regular(self, now: datetime, may_go_on: Callable[[], bool]) -> tuple[dict[str, Backlog], bool]:
        found: dict[str, Backlog] = {}
        name, complete = self.store.next_queue(""), True
        while name is not None:
            if len(found) >= MOST_QUEUES or not may_go_on():
                return found, False
            try:
                found[name] = self.store.backlog(name, now, MOST_COUNTED)
            except StoreUnavailableError as error:  # too slow: the others are looked at all the same
                log.debug("queue %s is left out of the statistics: %s", name, error)
                complete = False
            name = self.store.next_queue(name)
        return found, complete

    def _raw(self, now: datetime, may_go_on: Callable[[], bool]) -> tuple[dict[str, Backlog], bool]:
        found: dict[str, Backlog] = {}
        try:
            roots = {parse_queue(name).root for name in self.raw_queues} | self.raw.roots()
            for number, root in enumerate(sorted(roots)):
                if number >= MOST_QUEUES or not may_go_on():
                    return found, False
                for queue in (root, f"{root}/"):
                    backlog = self._raw_backlog(queue, now)
                    if backlog.waiting or backlog.delayed:
                        found[queue] = backlog
        except (StoreUnavailableError, InvalidQueueError) as error:
            log.debug("raw queues are left out of the statistics: %s", error)
            return found, False
        return found, True

    def _raw_backlog(self, queue: str, now: datetime) -> Backlog:
        name = parse_queue(queue)
        size = self.raw.size(name)
        due = self.raw.count_due(name, unix(now)) if size else 0
        return Backlog(due, max(0, size - due))
