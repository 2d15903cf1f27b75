"""Turn calls from producers into kicks of the main loop. Without Redis its polling finds the jobs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.engine.backoff import Backoff
from mrq.engine.outage import Outage
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mrq.engine.permits import Permits
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Event
    from mrq.ports.wakeups import Wakeups

log = logging.getLogger("mrq.worker")

PATIENCE = 5.0  # seconds of one wait; nothing depends on its end but that the loop sees that it is to stop


@dataclass(frozen=True, slots=True)
class Listener:
    """Listens for a worker. It also is how the worker learns that Redis is away."""

    wakeups: Wakeups
    state: WorkerState
    permits: Permits
    clock: Clock
    roots: frozenset[str]  # queues with jobs that a producer calls for
    max_latency: float  # seconds between two looks of the main loop

    def loop(self, stopped: Event) -> None:
        """Listen until told to stop."""
        backoff, outage = Backoff(), Outage(log, self.clock)
        # with nothing to hear of, it listens all the same, for the outages
        ear = self.wakeups.subscribe(self.roots or {str(self.state.worker)})
        try:
            while not stopped.is_set():
                try:
                    if ear.wait(PATIENCE):
                        self.state.kick.set()
                    backoff.worked()
                    if outage.over("Redis is back: jobs start at once again"):
                        self.permits.shaken()
                except StoreUnavailableError as error:
                    self.permits.shaken()
                    outage.failed(f"no wake-ups, jobs start up to {self.max_latency:g} s late", error)
                    stopped.wait(backoff.failed())
        finally:
            ear.close()
