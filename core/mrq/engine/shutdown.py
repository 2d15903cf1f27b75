"""How a worker ends, in stages: stop claiming, go on beating, wait, interrupt, hand back, write, report.

Signal handlers and side loops only set flags here; the worker's main loop acts on them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.domain.words import many
from mrq.domain.worker import WorkerStatus
from mrq.exceptions import JobInterrupt

if TYPE_CHECKING:
    from mrq.engine.budget import Budget
    from mrq.engine.options import WorkerOptions
    from mrq.engine.run import Run
    from mrq.engine.settling import Settler
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.worker")

INTERRUPT_INTERVAL = 0.5  # seconds between two interruptions of a job that doesn't end
PROCESS_ENDS = 5.0  # seconds: a process that is told to end because of a stuck job has ended by then
SIGINT = "SIGINT"
"""In the reason of a stop: it was asked for by Ctrl-C."""


class Exit(NamedTuple):
    """How a worker ended. `replace`: it wants a successor."""

    code: int
    replace: bool
    reason: str


@dataclass(slots=True)
class StopFlags:
    """What the worker was asked to do. Only ever set, never taken back."""

    kick: Event
    graceful: bool = False  # no new jobs; those that run may finish
    now: bool = False  # those that run are interrupted
    hand_back: bool = False  # and queued again at once, instead of ending as interrupted
    replace: bool = False  # a successor is wanted
    exit_code: int = 0
    reason: str = ""

    def finish(self, reason: str) -> None:
        """Take no more jobs and end once the running ones have."""
        self._because(reason)
        self.graceful = True
        self.kick.set()

    def interrupt(self, reason: str) -> None:
        """End now: running jobs end as `interrupt`."""
        self._because(reason)
        self.graceful = self.now = True
        self.kick.set()

    def fail(self, reason: str) -> None:
        """Something in the worker itself broke: end now with an error; running jobs go back to their queues."""
        self._because(reason)
        self.exit_code = 1
        self.graceful = self.now = self.hand_back = True
        self.kick.set()

    def make_way(self, reason: str) -> None:
        """This process can't go on, a fresh one can: hand the jobs back and ask for a successor."""
        self.fail(reason)
        self.replace = True

    def renew(self, reason: str) -> None:
        """End as after `finish`, and have a successor: this process is worn out, nothing is wrong."""
        self.replace = True
        self.finish(reason)

    def _because(self, reason: str) -> None:
        self.reason = self.reason or reason


@dataclass(slots=True)
class Ending:
    """Carries out the stages between the last claim and the last write."""

    flags: StopFlags
    state: WorkerState
    settler: Settler
    clock: Clock
    options: WorkerOptions
    budget: Budget | None = None
    _interrupting: list[list[Run]] = field(default_factory=list)  # what is under way, also by side loops

    def perform(self) -> None:
        """Bring every run of the worker to an end that can be written."""
        self.state.status = WorkerStatus.JOIN
        running = [run for run in self.state.active() if run.fiber is not None]
        if running and not self.flags.now:
            again = " again" if SIGINT in self.flags.reason else ""
            log.info("%s still running; Ctrl-C%s interrupts what runs", many(len(running), "job"), again)
        self.wait_for_jobs()
        left = self.state.active()
        if left:
            self.state.status = WorkerStatus.KILLING
            log.info("interrupting %s", many(len(left), "running job"))
            stuck = self.interrupt(left, hand_back=self.flags.hand_back)
            if self.budget is not None:
                self._let_go(stuck)
        while self._interrupting:  # a side loop has yet to hand in the ends of runs that it interrupted
            self.state.kick.clear()
            self.state.kick.wait(0.05)

    def wait_for_jobs(self) -> None:
        """Let running jobs finish, within the stop time-out, or until told not to."""
        until = self.clock.monotonic() + self.options.stop_timeout if self.options.stop_timeout else None
        for run in self.state.active():
            if run.fiber is None:  # claimed, but waiting for its turn to run alone
                self.settler.give_back(run)
        while True:
            self.state.kick.clear()
            if self.flags.now or not self.state.active():  # looked at after the clear: a kick can't be missed
                return
            left = None if until is None else until - self.clock.monotonic()
            if left is not None and left <= 0:
                log.warning("jobs still run after the stop time-out of %g s", self.options.stop_timeout)
                return
            # the deadlines loop frees a slot for jobs that end; a poll is the net under a lost kick
            self.state.kick.wait(1.0 if left is None else min(1.0, left))

    def interrupt(self, runs: list[Run], *, hand_back: bool) -> list[Run]:
        """Interrupt runs, wait for their ends, and have those written. Returns those that didn't end in time.

        A run that doesn't end in time is not written: while this process lives its job must not start again
        elsewhere. The guard, or a rescue after the lease, gives it back.
        """
        self._interrupting.append(runs)
        try:
            return self._interrupt(runs, hand_back=hand_back)
        finally:
            self._interrupting.remove(runs)

    def _interrupt(self, runs: list[Run], *, hand_back: bool) -> list[Run]:
        mine = [run for run in runs if self._decide(run, hand_back=hand_back)]
        until = self.clock.monotonic() + self.options.interrupt_grace
        if self.budget is not None:
            until = min(until, self.budget.interrupts_until)
        pending = mine
        while pending and self.clock.monotonic() < until:
            for run in pending:
                if run.fiber is not None:
                    run.fiber.interrupt(JobInterrupt("the worker stops"))
            pause = min(self.clock.monotonic() + INTERRUPT_INTERVAL, until)
            still = []  # not those whose run.ended is unset: a fiber sets that before its join is over
            for run in pending:
                if run.fiber is not None and run.fiber.join(max(0.0, pause - self.clock.monotonic())):
                    self.state.left_fiber(run)
                    self.settler.put(run)
                else:
                    still.append(run)
            pending = still
        for run in pending:
            log.error("job %s (%s) can't be interrupted", run.job.id, run.job.path)
        return pending

    def _let_go(self, stuck: list[Run]) -> None:
        """Nobody outlives this process to give these jobs back, and it may be frozen with them. So they go back now, to
        wait until it is certainly gone: it has to end at once."""
        for run in stuck:
            decided = run.outcome
            failure = None if decided is None else decided.failure
            if decided is not None and decided.status is Status.INTERRUPT and decided.delay is not None:
                run.outcome = replace(decided, delay=max(decided.delay, PROCESS_ENDS))
            else:
                due = self.clock.now() + timedelta(seconds=PROCESS_ENDS)
                run.outcome = Outcome(Status.QUEUED, failure=failure, due=due)
            self.settler.put(run)

    def _decide(self, run: Run, *, hand_back: bool) -> bool:
        if run.fiber is None or run.started is None:
            self.settler.give_back(run)
            return False
        if hand_back:
            return run.decide(Outcome(Status.QUEUED, at_front=True))
        delay = self.options.interrupt_requeue_delay if self.options.requeue_interrupted else None
        text = run.ended_by(JobInterrupt(f"the worker had to stop ({self.flags.reason or 'asked to'})"))
        failure, overran = Failure("JobInterrupt", text), self._overran(run)
        return run.decide(Outcome(Status.INTERRUPT, failure=failure, delay=delay, overran=overran))

    def _overran(self, run: Run) -> bool:
        """Whether the end of a burst hits a run that had all the time that its task takes."""
        if self.budget is None or self.budget.left > 0 or not run.in_task or run.started is None:
            return False
        if not self.budget.is_overrun(run.job.path, self.clock.monotonic() - run.started):
            return False
        if run.job.overruns + 1 >= MOST_OVERRUNS:
            log.warning(
                "job %s (%s) takes longer than its task is known to take (%d times now): bursts leave it to containers",
                run.job.id, run.job.path, run.job.overruns + 1,
            )  # fmt: skip
        return True


def what_became(state: WorkerState) -> str:
    """What became of all the jobs that a worker took, in words, once the ends that can be written are."""
    counts = {
        "interrupted": state.interrupted,
        "handed back": state.handed_back,
        "left to a rescue": len(state.held()),
    }
    parts = [f"{number:,} {what}" for what, number in counts.items() if number]
    return ", ".join([f"{many(state.finished, 'job') if state.finished else 'no job'} done", *parts])
