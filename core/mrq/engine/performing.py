"""From a claimed job to its end: a fiber for each run, its admission, its task, and the outcome that is written."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mrq.domain.change import must_run_alone
from mrq.domain.outcome import Outcome
from mrq.domain.status import Status
from mrq.engine.execute import execute, failure_of
from mrq.engine.run import Run, current_run
from mrq.exceptions import Interrupt, TimeoutInterrupt
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.spans import NoSpans

if TYPE_CHECKING:
    from mrq.domain.job import ClaimedJob
    from mrq.domain.outcome import Failure
    from mrq.engine.ahead import Ahead
    from mrq.engine.blocking import BlockingWatch
    from mrq.engine.budget import Budget
    from mrq.engine.collector import Collector
    from mrq.engine.fittings import Fittings
    from mrq.engine.heavy import HeavyTasks
    from mrq.engine.limits import Limits
    from mrq.engine.metrics import Metrics
    from mrq.engine.options import WorkerOptions
    from mrq.engine.permits import Permits
    from mrq.engine.queue_limits import QueueLimits
    from mrq.engine.quota import Quota
    from mrq.engine.settling import Settler
    from mrq.engine.sizes import SizePublisher
    from mrq.engine.state import WorkerState
    from mrq.engine.tasks import TaskLoader
    from mrq.ports.clock import Clock
    from mrq.ports.guard import Guard
    from mrq.ports.jobs import JobStore
    from mrq.ports.runtime import Runtime
    from mrq.ports.spans import Spans

log = logging.getLogger("mrq.worker")


@dataclass(kw_only=True)
class Performer:
    """Runs the jobs that a worker has claimed."""

    jobs: JobStore
    tasks: TaskLoader
    state: WorkerState
    settler: Settler
    quota: Quota
    permits: Permits
    limits: Limits
    queue_limits: QueueLimits
    sizes: SizePublisher
    metrics: Metrics
    runtime: Runtime
    clock: Clock
    guard: Guard
    fittings: Fittings
    collector: Collector
    blocking: BlockingWatch
    heavy: HeavyTasks
    ahead: Ahead
    options: WorkerOptions
    spans: Spans = field(default_factory=NoSpans)
    budget: Budget | None = None
    alone: list[Run] = field(default_factory=list)  # claimed, to be run with nothing beside them
    _uncounted: deque[ClaimedJob] = field(default_factory=deque)  # whose runs have started

    def accept(self, jobs: list[ClaimedJob]) -> None:
        """Claimed jobs become runs. None of this switches fibers, so nobody sees them between two states."""
        runs = [Run(job, self.tasks.options(job.path)) for job in jobs]
        self.queue_limits.assign(runs)
        self.state.hold(runs)
        if self.budget is not None:
            runs = [run for run in runs if self._fits(run, self.budget)]
        self.quota.taken += len(runs)
        now = self.clock.monotonic()
        for run in runs:
            if must_run_alone(run.job):
                self.alone.append(run)
            elif self.heavy.is_heavy(run.job.path):
                self.heavy.hold_back(run)
            else:
                self.ahead.line_up(run, now)
        self.start_next()
        self.sizes.took(job.queue for job in jobs if job.raw is None)
        self.count()  # a hook may switch fibers: last

    def _fits(self, run: Run, budget: Budget) -> bool:
        """Whether a run fits into the time that is left; if not, its job goes back to its place. That happens once for
        each task: from then on claims leave its jobs where they are."""
        if budget.fits(run.job.path):
            return True
        budget.given_back += 1
        if run.job.raw is not None:
            budget.close(run.job.raw.root)
        self.settler.give_back(run)
        return False

    def reject(self, job: ClaimedJob, failure: Failure) -> None:
        """A job that can't run: its end is written at once."""
        run = Run(job, self.tasks.options(job.path))
        self.state.hold([run])
        self.quota.taken += 1
        run.decide(Outcome(Status.FAILED, failure=failure))
        self.state.left_fiber(run)
        self.settler.put(run)
        self._count([job])

    def start_next(self) -> None:
        """Start what waits for slots, as far as there are any."""
        while self._start_one():
            pass

    def _start_one(self) -> bool:
        run = self.ahead.next()
        if run is None:
            return False
        try:
            self._start(run)
        except BaseException:
            self.ahead.again(run)
            raise
        return True

    def give_back(self, runs: list[Run]) -> None:
        """Jobs that wait for slots go back to their places, and were not taken."""
        self.quota.taken -= sum(self.settler.give_back(run) for run in runs)

    def _start(self, run: Run) -> None:
        # A thread may end the job before this returns: its start is counted by then. And whoever kills the run has to
        # find its fiber.
        self._uncounted.append(run.job)
        try:
            self.runtime.spawn(self._perform, run, name="mrq-job", known=run.runs_in)
        except BaseException:
            with contextlib.suppress(ValueError):  # the main loop has just counted it: then it counts twice
                self._uncounted.remove(run.job)
            raise

    def never_started(self, run: Run) -> None:
        """It was ended from outside while it waited: its end counts, so its start has to."""
        self._uncounted.append(run.job)

    def count(self) -> None:
        """Count the runs that have started since the last time. By the batch: it is cheaper."""
        jobs: list[ClaimedJob] = []
        with contextlib.suppress(IndexError):  # a thread has taken one back
            jobs += (self._uncounted.popleft() for _ in range(len(self._uncounted)))
        if jobs:
            self._count(jobs)

    def _count(self, jobs: list[ClaimedJob]) -> None:
        self.collector.started(jobs)
        self.metrics.queues("dequeued", Counter(job.raw.queue if job.raw else job.queue for job in jobs))
        self.metrics.statuses({Status.STARTED: len(jobs)})

    def start_held_back(self) -> bool:
        """Start the jobs that let others go first; whether there were any."""
        runs = self.heavy.let_start()
        now = self.clock.monotonic()
        for run in runs:
            self.ahead.line_up(run, now)
        self.start_next()
        return bool(runs)

    def run_next_alone(self) -> None:
        """Start the first of the jobs that must run alone, once nothing else is held; drop it when it is done."""
        if self.state.busy_beside(self.alone):
            return
        run = self.alone[0]
        if run.fiber is None and run.outcome is None and run.job.token is not None:
            try:
                still_ours = self.jobs.mark_alone(run.job.id, run.job.token)
            except StoreUnavailableError as error:
                log.warning("job %s, to be run alone, waits: %s", run.job.id, error)
                return
            if still_ours:
                run.job.alone = True
                log.warning("job %s has lost %d workers: it runs alone now", run.job.id, run.job.losses)
                self.ahead.line_up(run, self.clock.monotonic())
                self.start_next()
                return
            self.state.left_fiber(run)
            self.state.settled([run])
        if run.ended and not self.state.holds(run.job.id, run.job.token):
            self.alone.pop(0)
            self.state.kick.set()

    # ---- in the fiber of the run

    def _perform(self, run: Run) -> None:
        """Run the task and have its end written."""
        try:
            if run.outcome is not None:
                return
            now = self.clock.monotonic()
            run.begin(now)
            run.options = self.tasks.loaded_options(run.job.path)  # a task's first job imports it here
            if self.limits.concern(run):
                if not self._admitted(run):
                    return
                now = self.clock.monotonic()
            run.begin(now)
            run.slot = self.guard.enter(run.job.id, run.job.token, run.deadline)
            current_run.set(run)
            run.span = self.spans.begin(run.job, self.state.worker)
            outcome = self._measured(run)
            self.blocking.judge(run)
            if run.decide(outcome):
                self.settler.put(run)
        except BaseException as exc:  # noqa: BLE001
            self._raised_beside_the_task(run, exc)
        finally:
            # An interruption may also hit here. Whoever sent it has decided the run before, or looks at the
            # ended fiber again (Deadlines).
            self._left(run)

    def _measured(self, run: Run) -> Outcome:
        """Run the task, with what is to be measured around it."""
        fittings = self.fittings
        measure = fittings.memory if self.options.trace_memory else None
        look = None if fittings.watch is None else fittings.watch(run)
        before = 0 if measure is None else measure()
        if fittings.trace is not None:
            run.trace = fittings.trace()
            run.trace.enter()
        run.in_task = True
        if self.quota.max_jobs:
            self.state.kick.set()  # this may have been the last one
        began = self.heavy.begin(run)
        outcome, run.task = execute(run.job, self.tasks, run=run) if fittings.perform is None else fittings.perform(run)
        run.close_pools()
        self.heavy.end(run, began)
        run.in_task = False
        self._traced(run)
        if measure is not None:
            run.memory = measure() - before
        if look is not None:
            look()
        return outcome

    def _left(self, run: Run) -> None:
        """The fiber is out of the task."""
        self._traced(run)
        if run.span is not None:
            run.span.end(run.outcome)
        if run.slot >= 0:
            self.guard.leave(run.slot)
        self.state.left_fiber(run)
        self.ahead.ended(run.took)
        self._start_one()
        if run.permits:
            self.permits.look()
        if self.fittings.logs is not None:
            self.fittings.logs.buffer.ended(run.job.id, run.job.datestarted)

    def _traced(self, run: Run) -> None:
        """The task is over: what follows is the worker's own time. May be called twice."""
        if run.trace is not None:
            run.trace.leave()

    def _admitted(self, run: Run) -> bool:
        """Whether a run of a task with limits may start; if not, what becomes of it is under way."""
        run.wait()
        refused = self.limits.admit(run)
        if run.outcome is not None:  # by a shutdown that found it waiting
            self.permits.ended([run])
            return False
        if refused is None:
            return True
        if refused.status is Status.QUEUED:
            self.quota.taken -= 1
        if run.decide(refused):
            self.settler.put(run)
        return False

    def _raised_beside_the_task(self, run: Run, exc: BaseException) -> None:
        """Something broke around the task, or an interruption came when it was over: the job needs an end all the
        same, or it would stay started for as long as this worker lives."""
        if not isinstance(exc, Interrupt):
            log.exception("job %s (%s): the worker's own code failed", run.job.id, run.job.path)
        status = Status.TIMEOUT if isinstance(exc, TimeoutInterrupt) else Status.FAILED
        if run.decide(Outcome(status, failure=failure_of(exc))):
            self.settler.put(run)
