"""Go on through a fail-over of MongoDB: repeat what may be repeated, for a while."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mrq.domain.words import how_to_start
from mrq.engine.backoff import Backoff
from mrq.engine.outage import Outage
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.ports.clock import Clock

log = logging.getLogger("mrq.enqueue")

T = TypeVar("T")


@dataclass(slots=True)
class Patience:
    """Repeats a step that changes nothing when it is done twice.

    A database that has never answered is reported at once: its address may be wrong.
    """

    clock: Clock
    seconds: float = 30.0  # that a fail-over may take
    sleep: Callable[[float], None] = time.sleep
    reached: bool = False

    def through(self, step: Callable[[], T], waiting: str) -> T:
        """The step's answer. `waiting` says in a log line what waits.

        Raises:
            StoreUnavailableError: the database stayed away for longer than a fail-over takes.
        """
        backoff, until = Backoff(), self.clock.monotonic() + self.seconds
        outage = Outage(log, self.clock)
        while True:
            try:
                answer = step()
            except StoreUnavailableError as error:
                if not self.reached:
                    raise StoreUnavailableError(f"{error}; {how_to_start('MRQ_MONGODB_JOBS')}") from None
                if self.clock.monotonic() > until:
                    raise
                outage.failed(waiting, error)
                self.sleep(backoff.failed())
            else:
                self.reached = True
                outage.over("MongoDB is back")
                return answer
