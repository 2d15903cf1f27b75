"""End jobs that run too long, and notice those that can't be ended from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.engine.run import current_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.engine.options import WorkerOptions
    from mrq.engine.run import Run
    from mrq.engine.settling import Settler
    from mrq.engine.state import WorkerState
    from mrq.exceptions import Interrupt
    from mrq.ports.clock import Clock
    from mrq.ports.guard import Guard
    from mrq.ports.runtime import Event

INTERVAL = 0.5  # seconds between two looks, and between two interruptions of the same job; twice that if none ran


@dataclass(slots=True)
class Deadlines:
    """The watch over time-outs in this worker. A job that never yields is the guard's business."""

    state: WorkerState
    settler: Settler
    clock: Clock
    guard: Guard
    options: WorkerOptions
    stuck: Callable[[Run], None]  # a job didn't end for all its interruptions

    def loop(self, stopped: Event) -> None:
        """Look until told to stop."""
        active: list[Run] = []
        while not stopped.wait(INTERVAL if active else 2 * INTERVAL):
            self.guard.alive()
            active = self.state.active()
            for run in active:
                self.look_at(run, self.clock.monotonic())

    def look_at(self, run: Run, now: float) -> None:
        """End one run if its time is up; interrupt it again if it should have ended already."""
        if run.fiber is None:
            return
        if run.fiber.ended:  # an interruption can hit a fiber on its very last lines
            if run.decide(timed_out(run)):
                self.settler.put(run)
            self.state.left_fiber(run)
        elif run.interrupted is not None:
            run.fiber.interrupt(run.overtime())
            if now - run.interrupted > self.options.interrupt_grace:
                self.stuck(run)
        elif run.deadline is not None and now >= run.deadline:
            self.end(run, timed_out(run), run.overtime(), now)

    def end(self, run: Run, outcome: Outcome, interrupt: Interrupt, now: float) -> bool:
        """End a run from outside: its end is written as decided here, and its fiber interrupted until it ends.

        False: it was decided before. A run that waits for its fiber, and one that ends itself, is not interrupted.
        """
        if not run.decide(outcome):
            return False
        self.settler.put(run)
        if run.fiber is None:
            self.state.left_fiber(run)
        elif run is not current_run.get():
            run.interrupted = now
            run.fiber.interrupt(interrupt)
        return True


def timed_out(run: Run) -> Outcome:
    """The end of a run whose time is up, with the place where it was."""
    return Outcome(Status.TIMEOUT, failure=Failure("TimeoutInterrupt", run.ended_by(run.overtime())))
