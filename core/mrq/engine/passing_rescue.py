"""The rescue by somebody who only comes by, such as a function that is called once a minute.

A judge of the dead has to beat himself, unbroken, while he watches whether others do. So a visitor that finds silent
workers becomes a worker for as long as a lease lasts; else it is gone at once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.domain.worker import WorkerRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from mrq.domain.ids import WorkerId
    from mrq.domain.lease import Lease
    from mrq.engine.rescue import Rescuer
    from mrq.ports.clock import Clock
    from mrq.ports.workers import WorkerStore

log = logging.getLogger("mrq.rescue")

NAME = "mrq-tick"
MARGIN = 10.0  # seconds that a visitor's own lease goes on when it is killed


@dataclass(frozen=True, slots=True)
class PassingRescue:
    """Looks once, and stays for a lease if there is somebody to watch."""

    rescuer: Rescuer
    workers: WorkerStore
    clock: Clock
    new_id: Callable[[], WorkerId]
    database_time: Callable[[], datetime]
    sleep: Callable[[float], object]

    def round(self, longest: float) -> int:
        """Bring back the jobs of workers that are dead; how many. Takes up to `longest` seconds, and a moment when
        nobody is silent.

        Raises:
            StoreUnavailableError: the round was cut short; the next one goes on.
        """
        now = self.database_time()
        silent = self.workers.suspects(now - timedelta(seconds=1.5 * self.rescuer.heartbeat_interval))
        me = self.new_id()
        watched = [lease for lease in silent if lease.deadline is None]
        if watched:
            return self._watch(me, watched, longest)
        self.rescuer.beaten(self.clock.monotonic())  # the stated deadlines of others need no watching
        return self.rescuer.round(me, now)

    def _watch(self, me: WorkerId, watched: Collection[Lease], longest: float) -> int:
        began, released = self.clock.monotonic(), 0
        pause = self.rescuer.heartbeat_interval
        enough = min(longest, max(lease.seconds for lease in watched) + 2 * pause)
        ends = self.clock.now() + timedelta(seconds=enough + MARGIN)
        log.info("workers are silent (%d): watching for %g s", len(watched), enough)
        self.workers.register(WorkerRecord(me, NAME, self.clock.now(), MARGIN, {}, ends))
        try:
            while True:
                database_time = self.workers.beat(me, timeout=max(1.0, pause))
                if database_time is None:
                    return released
                self.rescuer.beaten(self.clock.monotonic())
                released += self.rescuer.round(me, database_time)
                if self.clock.monotonic() - began + pause > enough:
                    return released
                self.sleep(pause)
        finally:
            self.workers.stop(me, {})
