"""How a worker with a budget leaves a process that may be frozen: nothing is in its name, and nothing goes on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.engine.sideloops import in_time
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.engine.budget import Budget
    from mrq.engine.heartbeat import Heartbeat
    from mrq.engine.shutdown import StopFlags
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Event, Runtime

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
    runtime: Runtime

    def watch(self, stopped: Event) -> None:
        """Have the worker interrupt its jobs when the margin is reached."""
        if not stopped.wait(self.budget.left):
            self.stop.interrupt(OUT_OF_TIME)
            stopped.wait()

    def pause(self, longest: float) -> float:
        """Seconds that may be waited for an end: up to `longest`, as far as there is time."""
        return max(0.1, min(longest, self.budget.writes_until - self.clock.monotonic()))

    def turns(self, loop: Callable[[], None]) -> None:
        """Turn the worker's main loop, and go on without it where it hangs: there are jobs to hand back."""
        if not self.in_time(loop, self.budget.turns_until):
            log.error("the time is up, and the main loop hangs: a server that it has asked is silent")
            self.stop.replace = True

    def leave_nothing(self, late: list[str], sign_off: Callable[[], None]) -> None:
        """The worker has ended all that it could; `late`: its loops that didn't end. From here on the process may be
        frozen, for as long as the platform likes. If something would go on after that, it has to end: the stated end
        of the worker is reason enough for others to take what is still in its name."""
        self.state.open_claims.clear()
        self.state.open_takes.clear()
        if not self.in_time(lambda: self._last_words(sign_off), self.budget.leaves_by):
            late = [*late, "a server is silent, so what was to be written last is not"]
        until = min(self.clock.monotonic() + LAST_JOIN, self.budget.leaves_by)
        for run in self.state.active():  # one that was past its time-out may be just about to end
            if run.fiber is not None:
                run.fiber.join(max(0.0, until - self.clock.monotonic()))
        if late or self.state.active():
            log.error("this process has to end: %s", ", ".join(late) or "jobs can't be interrupted")
            self.stop.replace = True

    def _last_words(self, sign_off: Callable[[], None]) -> None:
        try:
            self.heartbeat.release_orphans()
        except StoreUnavailableError as error:
            log.warning("whether jobs are started in this worker's name is left to a rescue: %s", error)
        sign_off()

    def in_time(self, work: Callable[[], None], until: float) -> bool:
        """See `mrq.engine.sideloops.in_time`; `until`: monotonic seconds."""
        return in_time(self.runtime, work, until - self.clock.monotonic())
