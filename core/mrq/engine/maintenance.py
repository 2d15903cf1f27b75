"""What comes back by itself: retries whose time has come, jobs interrupted by a shutdown."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.domain.status import Status
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.engine.enqueue import Enqueuer
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.maintenance")

BATCH = 1000
AWAY_PAUSE = 0.1  # seconds until a burst looks again, when it can't know whether its queues are empty
INTERVAL = 1.0  # seconds; also how late a retry may be that this worker knows of
HORIZON = 3.0  # seconds from one look to the next where nothing is due before that


@dataclass(slots=True)
class Maintenance:
    """Safe to run anywhere, any number at once: each step is one conditional update.

    A worker knows what its own runs leave for later, and what it saw at its last look. What is left for sooner than the
    next look by who can't bring it back himself (a burst, a worker that ends or dies) comes back at that look.
    """

    jobs: JobStore
    enqueuer: Enqueuer
    clock: Clock
    _due: datetime | None = None  # the first that is known of
    _look_at: float = float("-inf")  # monotonic seconds

    def loop(self, stopped: Event) -> None:
        """Do what is due every second until told to stop."""
        while not stopped.wait(INTERVAL):
            try:
                self.turn()
            except StoreUnavailableError as error:
                log.debug("maintenance waits: %s", error)

    def expect(self, due: datetime) -> None:
        """A job returns at this time."""
        if self._due is None or due < self._due:
            self._due = due

    def turn(self) -> None:
        """Bring back what is due, if anything is known to be, or if it is time to look."""
        now, moment = self.clock.now(), self.clock.monotonic()
        if moment < self._look_at and (self._due is None or self._due > now):
            return
        # before the answer: what is expected meanwhile may not be in it
        self._due, self._look_at = None, moment + HORIZON
        try:
            first = self.jobs.next_return(now + timedelta(seconds=HORIZON))
            if first is not None and first > now:
                self.expect(first)
            elif first is not None:
                self.round()
                self._look_at = moment  # there may be more
        except StoreUnavailableError:
            self._look_at = moment
            raise

    def round(self) -> int:
        """Bring back the jobs that are due, one bounded batch; how many there were."""
        back = self.jobs.bring_back(self.clock.now(), BATCH)
        self.enqueuer.call_for(back)
        count = sum(back.values())
        self.enqueuer.metrics.statuses({Status.QUEUED: count} if count else {})
        return count

    def rounds(self, longest: float) -> int:
        """Bring back all jobs that are due, for `longest` seconds or a little more at most; how many there were."""
        began, count = self.clock.monotonic(), 0
        while brought := self.round():
            count += brought
            if brought < BATCH or self.clock.monotonic() - began > longest:
                break
        return count

    def may_have_brought_back(self, sleep: Callable[[float], object]) -> bool:
        """Whether jobs may have come back just now: asked by who ends when there are none, for where only bursts run,
        nobody else looks."""
        try:
            return self.round() > 0
        except StoreUnavailableError:
            sleep(AWAY_PAUSE)
            return True
