"""How a worker with a budget leaves a process that may be frozen: nothing is in its name, and nothing goes on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mrq.engine.budget import Budget
    from mrq.engine.heartbeat import Heartbeat
    from mrq.engine.shutdown import StopFlags
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.worker")

OUT_OF_TIME = "its time is up"
LAST_JOIN = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Departure:
    """Watches over the time, and looks after what might stay behind."""

    budget: Budget
    state: WorkerState
    stop: StopFlags
    heartbeat: Heartbeat
    clock: Clock

    def watch(self, stopped: Event) -> None:
        """Have the worker interrupt its jobs when the margin is reached."""
        if not stopped.wait(self.budget.left):
            self.stop.interrupt(OUT_OF_TIME)
            stopped.wait()

    def pause(self, longest: float) -> float:
        """Seconds that may be waited for an end: up to `longest`, as far as there is time."""
        return max(0.1, min(longest, self.budget.writes_until - self.clock.monotonic()))

    def leave_nothing(self, late: list[str]) -> None:
        """The worker has ended all that it could; `late`: its loops that didn't end. From here on the process may be
        frozen, for as long as the platform likes. If something would go on after that, it has to end."""
        self.state.open_claims.clear()
        self.state.open_takes.clear()
        try:
            self.heartbeat.release_orphans()
        except StoreUnavailableError as error:
            log.warning("whether jobs are started in this worker's name is left to a rescue: %s", error)
        for run in self.state.active():  # one that was past its time-out may be just about to end
            if run.fiber is not None:
                run.fiber.join(self.pause(LAST_JOIN))
        if late or self.state.active():
            log.error("this process has to end: %s", ", ".join(late) or "jobs can't be interrupted")
            self.stop.replace = True
