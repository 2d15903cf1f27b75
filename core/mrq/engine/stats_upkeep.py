"""What keeps the statistics going beside the workers that count: look at the queues, sum up, delete what is old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.engine.queue_samples import QueueSampler
    from mrq.engine.rollup import RollUp
    from mrq.ports.clock import Clock

LONGEST_ROUND = 10.0  # seconds; what is not done by then is left to the next round
MOST_EXPIRED = 1000


@dataclass(frozen=True, slots=True)
class StatsUpkeep:
    """Safe to run anywhere, any number at once, any number of times."""

    sampler: QueueSampler
    rollup: RollUp
    clock: Clock

    def stats_round(self, now: datetime) -> None:
        """Do what is due at this time (naive, UTC). Bounded in time and in work; nothing is lost by leaving off.

        Raises:
            StoreUnavailableError: the rest is left to the next round.
        """
        until = self.clock.monotonic() + LONGEST_ROUND

        def may_go_on() -> bool:
            return self.clock.monotonic() < until

        self.sampler.round(now, may_go_on)
        self.rollup.round(now, may_go_on)
        self.rollup.store.expire(now, MOST_EXPIRED)
