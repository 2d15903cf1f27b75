"""The turns of a worker's main loop: what it takes, what it starts, how long it rests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.worker import WorkerStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mrq.engine.ahead import Ahead
    from mrq.engine.budget import Budget
    from mrq.engine.claiming import Claimer
    from mrq.engine.heartbeat import Heartbeat
    from mrq.engine.heavy import HeavyTasks
    from mrq.engine.idle import IdleBell
    from mrq.engine.instep import Steps
    from mrq.engine.maintenance import Maintenance
    from mrq.engine.options import WorkerOptions
    from mrq.engine.performing import Performer
    from mrq.engine.quota import Quota
    from mrq.engine.state import WorkerState
    from mrq.engine.strategies import Strategy
    from mrq.ports.runtime import Event, Runtime


@dataclass(slots=True, kw_only=True)
class Turns:
    """Turns the main loop, until a limit is reached or a burst finds nothing more."""

    state: WorkerState
    options: WorkerOptions
    runtime: Runtime
    steps: Steps
    strategy: Strategy
    claimer: Claimer
    performer: Performer
    heartbeat: Heartbeat
    maintenance: Maintenance
    quota: Quota
    heavy: HeavyTasks
    ahead: Ahead
    idle: IdleBell
    budget: Budget | None
    enough: str = ""  # why the loop is over though the worker is not to stop

    def begin(self, max_jobs: int, max_time: float) -> None:
        """A new round, with these limits (0: there is none)."""
        self.quota.begin(max_jobs, max_time)
        self.enough = ""

    def end(self) -> None:
        """The round is over: what waits for slots goes back."""
        self.performer.give_back(self.ahead.all())
        self.performer.count()

    def turn(self) -> None:
        """Take jobs, or start those that were held back, or rest."""
        self.performer.give_back(self.ahead.overdue())
        fresh = self.heartbeat.fresh()  # else jobs that haven't started may be somebody else's by now
        if fresh:
            self.performer.start_next()
        self.performer.count()
        wish = self._wish()
        if wish is None:  # a limit is reached
            return
        asked, held_nothing = self.idle.asked(), not self.state.busy  # before the look
        if not fresh:
            wish = 0
        taken = 0
        if wish:
            taken = self.claimer.claim(wish)
            self.ahead.claimed(wish, taken)
        if taken:
            self._let_start(less=taken < wish)
        elif fresh and (wish or self.heavy.must_start(self.state.active)) and self.performer.start_held_back():
            self.runtime.sleep(0)
        else:
            self.state.status = WorkerStatus.WAIT if wish else WorkerStatus.FULL
            found_nothing = bool(wish) and held_nothing and not self.claimer.retry_in
            if not (found_nothing and self._looks_again_or_ends(asked)):
                self._rest()

    def _wish(self) -> int | None:
        """How many jobs to take now; None when the worker's work is done."""
        quota, free = self.quota, self.ahead.room()
        if quota.all_taken and not self._awaits_start():
            self.enough = f"it has taken its {quota.max_jobs} jobs"
            return None
        if quota.time_is_up:
            self.enough = f"its {quota.max_time:g} s are over"
            return None
        if self.performer.alone:
            self.performer.run_next_alone()
            return 0
        return 0 if self.state.quiet else quota.allowed(free)

    def _awaits_start(self) -> bool:
        """Whether a job that was taken is not in its task yet: it may go back, and another be taken in its place."""
        return any(not (run.in_task or run.ended) and run.outcome is None for run in self.state.active())

    def _let_start(self, *, less: bool) -> None:
        """Jobs were taken, `less` than wished or not."""
        self.state.status = WorkerStatus.SPAWN
        if self.heavy.is_overdue:
            self.performer.start_held_back()
        # These start before the next look: at once where little is there, and where one of them may keep this loop
        # waiting, with what it would have taken meanwhile.
        if less or self.heavy.known:
            self.runtime.sleep(0)

    def _looks_again_or_ends(self, asked: Iterable[Event]) -> bool:
        """The queues are empty, and nothing runs: a burst looks for what is due, or ends. False: it is no burst."""
        if not self.strategy.stops_when_empty and self.budget is None:
            self.idle.ring(asked)
            return False
        if not self.maintenance.may_have_brought_back(self.runtime.sleep):
            self.idle.ring(asked)
            self.enough = "its queues are empty"
        return True

    def _rest(self) -> None:
        """Wait until called, for as long as nobody has to be looked at."""
        patience = self.ahead.patience(self.quota.patience(self.heavy.patience(self.options.max_latency)))
        self.state.kick.wait(self.steps.shortened(min(self.claimer.retry_in or patience, patience)))
