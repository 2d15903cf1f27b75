"""What keeps the statistics going beside the workers that count: look at the queues and sum up. What is old
expires by itself, as jobs do."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.engine.queue_samples import QueueSampler
    from mrq.engine.rollup import RollUp
    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.stats")

INTERVAL = 45.0  # seconds in which one round is enough for the whole deployment; a minute must not be missed by it
INTO_THE_MINUTE = 1.0  # seconds
LONGEST_ROUND = 10.0  # seconds for looking, and for summing up; what is not done by then is left to the next round


@dataclass(frozen=True, slots=True)
class StatsUpkeep:
    """Safe to run anywhere, any number at once, any number of times."""

    sampler: QueueSampler
    rollup: RollUp
    clock: Clock

    def stats_round(self, now: datetime) -> int:
        """Do what is due at this time (naive, UTC); how much there was to do. Bounded in time and in work: what is left
        is left to the next round.

        Raises:
            StoreUnavailableError: the rest is left to the next round.
        """
        looked = self._look(now, self._for_a_while())
        return looked + self.rollup.round(now, self._for_a_while())  # also after a look that took all of its own time

    def _for_a_while(self) -> Callable[[], bool]:
        until = self.clock.monotonic() + LONGEST_ROUND
        return lambda: self.clock.monotonic() < until

    def _look(self, now: datetime, may_go_on: Callable[[], bool]) -> int:
        try:
            return int(self.sampler.round(now, may_go_on))
        except StoreUnavailableError as error:  # perhaps it was only slow: the sums are made all the same
            log.debug("nobody looked at the queues at %s: %s", now, error)
            return 0


def each_minute(stopped: Event, act: Callable[[datetime], object], clock: Clock) -> None:
    """Call this just after each minute has begun, until told to stop: figures of minutes and samples of queues go
    together best when these are taken between two minutes."""
    while not stopped.wait(seconds_to_next_minute(clock.now())):
        act(clock.now())


def seconds_to_next_minute(now: datetime) -> float:
    """Until the next minute has begun, and a little more, so that it has on every clock of the fleet."""
    return 60.0 - now.second - now.microsecond / 1_000_000 + INTO_THE_MINUTE
