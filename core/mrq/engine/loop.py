"""The worker: takes jobs, runs them side by side, and keeps its word about each of them."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from mrq.domain.change import must_run_alone
from mrq.domain.outcome import Outcome
from mrq.domain.status import Status
from mrq.domain.words import many
from mrq.domain.worker import WorkerRecord, WorkerStatus
from mrq.engine.backoff import Backoff
from mrq.engine.budget import OpenRoots
from mrq.engine.claiming import Claimer, queues_of
from mrq.engine.deadlines import Deadlines
from mrq.engine.execute import execute, failure_of
from mrq.engine.fittings import Fittings
from mrq.engine.heartbeat import Heartbeat
from mrq.engine.idle import IdleBell
from mrq.engine.limits import Limits
from mrq.engine.maintenance import Maintenance
from mrq.engine.memory import MemoryWatch
from mrq.engine.outage import Outage
from mrq.engine.pauses import PauseWatch
from mrq.engine.permits import Permits
from mrq.engine.queue_limits import QueueLimits
from mrq.engine.raw_rescue import RawRescuer, RawUpkeep
from mrq.engine.raw_settings import served_settings
from mrq.engine.raw_source import RawSource
from mrq.engine.regular_source import RegularSource
from mrq.engine.report import Reporter
from mrq.engine.rescue import Rescuer
from mrq.engine.run import Run, current_run
from mrq.engine.settling import Settler
from mrq.engine.shutdown import Ending, StopFlags
from mrq.engine.sideloops import SideLoops
from mrq.engine.sizes import SizePublisher
from mrq.engine.state import WorkerState
from mrq.engine.strategies import strategy_named
from mrq.exceptions import ConfigError, Interrupt, InvalidJobIdError, TimeoutInterrupt
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.guard import Guard, NoGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mrq.domain.ids import WorkerId
    from mrq.domain.job import ClaimedJob
    from mrq.domain.outcome import Failure
    from mrq.engine.budget import Budget
    from mrq.engine.claiming import Source
    from mrq.engine.enqueue import Enqueuer
    from mrq.engine.options import WorkerOptions
    from mrq.engine.tasks import TaskLoader
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.runtime import Event, Runtime
    from mrq.ports.stores import StorePorts

log = logging.getLogger("mrq.worker")

LAST_WRITES = 30.0  # seconds that a stopping worker goes on trying to write outcomes to an absent database
OUT_OF_TIME = "its time is up"
CLOCKS_AGREE = timedelta(seconds=0.5)
LAST_JOIN = 1.0  # seconds
BURST_PAUSE = 0.1  # seconds until a burst looks again, when it can't know whether its queues are empty


class Exit(NamedTuple):
    """How a worker ended. `replace`: it wants a successor."""

    code: int
    replace: bool
    reason: str


class Worker:
    """One worker, whatever it runs on. `run` blocks until it ends; `stop` may be used from anywhere."""

    def __init__(
        self,
        options: WorkerOptions,
        *,
        stores: StorePorts,
        enqueuer: Enqueuer,
        tasks: TaskLoader,
        clock: Clock,
        runtime: Runtime,
        guard: Guard | None = None,
        fittings: Fittings | None = None,
        loops: Sequence[tuple[str, Callable[[Event], None]]] = (),
        budget: Budget | None = None,
    ) -> None:
        """`loops`: what else is to run beside the main loop until the event is set, by name. `budget`: its time, when
        its end is known beforehand."""
        self.options = options
        self._budget = budget
        self._more_loops = loops
        self.fittings = fittings = fittings or Fittings()
        self.runtime = runtime
        self._jobs = jobs = stores.jobs
        self._workers = workers = stores.workers
        self._wakeups = stores.wakeups
        self._tasks = tasks
        self._clock = clock
        self._guard = guard or NoGuard()
        kick = runtime.event()
        self.state = WorkerState(jobs.new_id(), options.greenlets, options.unsettled_limit, kick)
        self.stop = StopFlags(kick)
        self._metrics = enqueuer.metrics
        self._permits = Permits(
            stores, self.state, runtime, clock, options, self._permits_released, self._permits_overdue
        )
        self._limits = Limits(stores, self._permits, runtime, clock)
        self._queue_limits = QueueLimits(self._permits, options.queue_limits, clock)
        self._settler = Settler(
            jobs, self.state, runtime, clock, options, self._metrics, self._permits.ended,
            raw=stores.raw, returned=enqueuer.call_for,
        )  # fmt: skip
        self._strategy = strategy_named(options.strategy)
        self._enqueuer = enqueuer
        self.queues = queues_of(options.queues)
        self._claimer = self._make_claimer(stores)
        self._loops = SideLoops(runtime, lambda name: self.stop.fail(f"its {name} loop died"))
        self._ending = Ending(self.stop, self.state, self._settler, clock, options, budget)
        self.sizes = SizePublisher(
            jobs,
            stores.sizes,
            stores.locks,
            clock,
            self.queues,
            interval=options.report_interval,
            ttl=options.queue_ttl,
        )
        self.reporter = Reporter(jobs, workers, self.state, clock, options, fittings, self.sizes)
        self._maintenance = Maintenance(jobs, enqueuer, clock)
        self._alone: list[Run] = []  # claimed, to be run with nothing beside them
        self._accepted = 0
        self._lost_identity = False
        self._started_at = clock.monotonic()
        self._max_jobs, self._max_time = options.max_jobs, options.max_time
        self._enough = ""  # why the loop is over though the worker is not to stop
        self._idle = IdleBell(kick)
        self._wanted_id = _id_of(jobs, options.worker_id)
        rescuer = Rescuer(
            jobs,
            workers,
            clock,
            options.heartbeat_interval,
            options.max_losses,
            options.default_ttl,
            returned=enqueuer.call_for,
            bury=self._permits.bury,
        )
        self._heartbeat = Heartbeat(
            jobs, workers, rescuer, self.state, clock, self._guard, options, self._was_lost, self._lease_overdue
        )
        self._raw_upkeep = RawUpkeep(
            RawRescuer(stores.raw, jobs, workers, returned=enqueuer.call_for),
            self.state,
            frozenset(queue.root for queue in queues_of(options.queues) if queue.is_raw),
            options.heartbeat_interval,
        )
        self._deadlines = Deadlines(self.state, self._settler, clock, self._guard, options, self._is_stuck)

    def _make_claimer(self, stores: StorePorts) -> Claimer:
        options, clock = self.options, self._clock
        settings = served_settings({queue.root for queue in self.queues if queue.is_raw}, options.raw_queues)
        regular = RegularSource(stores.jobs, self.state, clock, options, self._accept, self._budget)
        raw: Source = RawSource(
            stores.raw, stores.jobs, self.state, clock, settings,
            accept=self._accept, reject=self._reject, fresh=self._is_fresh,
        )  # fmt: skip
        if self._budget is not None:
            raw = OpenRoots(raw, self._budget)
        pauses = PauseWatch(stores.pauses, clock, options.paused_queues_refresh_interval)
        return Claimer(self.queues, self._strategy, regular, raw, pauses, clock, self._queue_limits)

    @property
    def id(self) -> WorkerId:
        """Under which identity it works now."""
        return self.state.worker

    # ---- the life of the worker

    def run(self) -> Exit:
        """Work until told to stop, a limit is reached, or, in a burst, the queues are empty."""
        self.begin()
        self.loop()
        return self.end()

    def begin(self) -> None:
        """Register, and start what runs beside the jobs.

        Raises:
            StoreUnavailableError: the worker could not be registered.
        """
        if self.fittings.logs is not None:
            self.fittings.logs.prepare()
        self._register(self.state.worker)
        loops: list[tuple[str, Callable[[], None]]] = [
            ("deadlines", lambda: self._deadlines.loop(self._loops.stopped)),
            ("report", lambda: self.reporter.loop(self._loops.stopped)),
            ("permits", lambda: self._permits.loop(self._loops.stopped)),
        ]
        for name, loop in (*loops, *self._lease_loops(), *self._fitted_loops()):
            self._loops.start(name, loop)
        for name, more in self._more_loops:
            self._loops.start(name, functools.partial(more, self._loops.stopped))
        for name, loop in self._settling.items():
            self._loops.start(name, loop, may_end=True)
        log.info("worker %s serves %s", self.state.worker, ", ".join(self.options.queues))

    def _lease_loops(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Who lives on keeps a lease and looks after others. Who has a budget has stated his end."""
        if self._budget is not None:
            yield "budget", self._watch_budget
            return
        yield "heartbeat", lambda: self._heartbeat.loop(self._loops.stopped)
        yield "rescue", lambda: self._heartbeat.look_after(self._loops.stopped)
        yield "raw upkeep", lambda: self._raw_upkeep.loop(self._loops.stopped)
        yield "wake-up", self._listen
        yield "maintenance", lambda: self._maintenance.loop(self._loops.stopped)

    def _watch_budget(self) -> None:
        if self._budget is not None and not self._loops.stopped.wait(self._budget.left):
            self.stop.interrupt(OUT_OF_TIME)
            self._loops.stopped.wait()

    def _fitted_loops(self) -> Iterator[tuple[str, Callable[[], None]]]:
        logs, memory = self.fittings.logs, self.fittings.memory
        if logs is not None:
            something = self.runtime.event()
            yield "logs", lambda: logs.loop(self._loops.stopped, something, self.runtime.sleep)
        if memory is not None and self.options.max_memory:
            watch = MemoryWatch(self.options.max_memory, memory, lambda: self._accepted, self.stop)
            yield "memory", lambda: watch.loop(self._loops.stopped)

    def loop(self, max_jobs: int | None = None, max_time: float | None = None) -> None:
        """Take jobs until told to stop or until a limit is reached (None: that of the options; 0: none).

        Jobs may still run then. May be called again after a limit.
        """
        self._max_jobs = self.options.max_jobs if max_jobs is None else max_jobs
        self._max_time = self.options.max_time if max_time is None else max_time
        self._accepted, self._started_at, self._enough = 0, self._clock.monotonic(), ""
        try:
            while not (self.stop.graceful or self._enough):
                self._turn()
        except BaseException:
            self.stop.fail("its main loop died")
            log.critical("the worker's main loop died; the worker stops", exc_info=True)

    def join(self) -> None:
        """Let running jobs finish, within the stop time-out, and their ends be written."""
        self.state.status = WorkerStatus.JOIN
        self._ending.wait_for_jobs()
        until = self._clock.monotonic() + LAST_WRITES
        while self.state.busy and not self.state.active() and self._clock.monotonic() < until:
            self.state.kick.wait(0.1)
            self.state.kick.clear()
        if self.state.active() and not self.stop.now:
            self.stop.interrupt("jobs still run after the stop time-out")

    def take(self, limit: int) -> int:
        """Take up to `limit` jobs now, as far as there are free slots; how many there were."""
        wish = min(limit, self.state.free())
        return self._claimer.claim(wish) if wish > 0 and self._is_fresh() else 0

    def wait_for_idle(self, timeout: float | None = None) -> bool:
        """Wait until no job is held, and one more look at the queues after that has found none.

        True at once when the worker has ended; False after `timeout` seconds.
        """
        return self._idle.wait(self.runtime.event(), timeout)

    def _register(self, me: WorkerId) -> None:
        """Act under this identity, or under the one that was wished for, from the moment on in which it is known."""
        wanted, self._wanted_id = self._wanted_id, None
        if wanted is None or not self._workers.introduce(self._record(wanted)):
            if wanted is not None:
                log.warning("the id %s is or was another worker's; this one is %s", wanted, me)
            self._workers.register(self._record(me))
        else:
            me = wanted
        if self._budget is not None:
            self._state_end(me)
        self.state.worker = me
        if self.fittings.logs is not None:
            self.fittings.logs.act_as(self.state.worker)
        self._heartbeat.last = self._clock.monotonic()
        self._guard.identity(self.state.worker)
        self._guard.beat()
        self.state.status = WorkerStatus.STARTED

    def _record(self, me: WorkerId) -> WorkerRecord:
        now = self.reporter.started = self._clock.now()
        deadline = None if self._budget is None else self._budget.deadline(now)
        return WorkerRecord(me, self.options.name, now, self.options.lease, self.options.report_config, deadline)

    def _state_end(self, me: WorkerId) -> None:
        """The stated end is judged by the database's clock: state it by that, if this machine's is another."""
        now, record = self._workers.beat(me), self._record(me)
        if now is not None and self._budget is not None and abs(now - record.datestarted) > CLOCKS_AGREE:
            self._workers.register(dataclasses.replace(record, deadline=self._budget.deadline(now)))

    def end(self) -> Exit:
        """Bring all jobs to an end, write what is left to write, and sign off."""
        self.stop.finish(self._enough or "it has nothing left to do")
        log.info("worker %s stops: %s", self.state.worker, self.stop.reason)
        became = self._ending.perform()
        self._settler.close()
        until = self._clock.monotonic() + LAST_WRITES
        if self._budget is not None:
            until = min(until, self._budget.writes_until)
        ended = [self._loops.join(name, max(0.1, until - self._clock.monotonic())) for name in self._settling]
        written = all(ended)
        if not written:
            log.error("%s could not be written: their jobs will run again", many(len(self.state.held()), "outcome"))
        self._loops.stopped.set()
        self._permits.close()
        if self.fittings.logs is not None:
            self.fittings.logs.wake()
        pause = 2.0 if self._budget is None else max(0.1, min(2.0, self._budget.writes_until - self._clock.monotonic()))
        late = self._loops.stop(timeout=pause, but="wake-up")  # that one may listen for a while longer; it can't harm
        self._idle.close()
        if self._budget is not None:
            self._leave_nothing(late, until)
        if written and not self.state.busy:
            self._permits.finish()
            try:
                self._workers.stop(self.state.worker, self.reporter.report(WorkerStatus.STOP, measured=True))
            except StoreUnavailableError as error:
                log.warning("the database doesn't know that this worker stopped: %s", error)
            self._give_payloads_back()
        log.info("worker %s stopped: %s", self.state.worker, became)
        if self.fittings.logs is not None:
            self.fittings.logs.close()
        self._guard.finishing(self.stop.exit_code, replace=self.stop.replace)
        return Exit(self.stop.exit_code, self.stop.replace, self.stop.reason)

    def _leave_nothing(self, late: list[str], until: float) -> None:
        """The process may be frozen from here on, for as long as the platform likes: nothing may be in its name then,
        and nothing may go on afterwards. If something would, the process has to end."""
        self.state.open_claims.clear()
        self.state.open_takes.clear()
        try:
            self._heartbeat.release_orphans()
        except StoreUnavailableError as error:
            log.warning("whether jobs are started in this worker's name is left to a rescue: %s", error)
        for run in self.state.active():  # one that was past its time-out may be just about to end
            if run.fiber is not None:
                run.fiber.join(max(0.0, min(LAST_JOIN, until - self._clock.monotonic())))
        if late or self.state.active():
            log.error("this process has to end: %s", ", ".join(late) or "jobs can't be interrupted")
            self.stop.replace = True

    @property
    def accepted(self) -> int:
        """Jobs that were taken to be run in this loop."""
        return self._accepted

    @property
    def interrupted(self) -> int:
        """Jobs that its end has interrupted."""
        return self._ending.interrupted

    @property
    def _settling(self) -> dict[str, Callable[[], None]]:
        """The loops that end by themselves when all is written."""
        return {"settler": self._settler.loop, **self._settler.raw_loops}

    def _give_payloads_back(self) -> None:
        """What was taken from raw queues and never became a run; a rescue would do the same, later."""
        try:
            for root in self._raw_upkeep.roots:
                self._raw_upkeep.rescuer.release(root, self.state.worker, set())
        except StoreUnavailableError as error:
            log.warning("what this worker had taken from raw queues is left to a rescue: %s", error)

    # ---- one turn of the main loop

    def _turn(self) -> None:
        self.state.kick.clear()
        self._guard.alive()
        if self._lost_identity:
            self._start_over()
            return
        wish = self._wish()
        if wish is None:  # a limit is reached
            return
        asked, held_nothing = self._idle.asked(), not self.state.busy  # before the look
        if not self._is_fresh():
            wish = 0
        taken = self._claimer.claim(wish) if wish else 0
        if taken:
            self.state.status = WorkerStatus.SPAWN
            return
        self.state.status = WorkerStatus.WAIT if wish else WorkerStatus.FULL
        if wish and held_nothing and not self._claimer.retry_in:
            if self._strategy.stops_when_empty or self._budget is not None:
                if not self._brought_back():
                    self._idle.ring(asked)
                    self._enough = "its queues are empty"
                return
            self._idle.ring(asked)
        patience = self._patience()
        self.state.kick.wait(min(self._claimer.retry_in or patience, patience))

    def _brought_back(self) -> bool:
        """Whether jobs may have returned to the queues just now: where only bursts run, nobody else looks."""
        try:
            return self._maintenance.round() > 0
        except StoreUnavailableError:
            self.runtime.sleep(BURST_PAUSE)
            return True

    def _wish(self) -> int | None:
        """How many jobs to take now; None when the worker's work is done."""
        wish = self.state.free()
        if self._max_jobs:
            wish = min(wish, max(0, self._max_jobs - self._accepted))
            if self._accepted >= self._max_jobs and not self._awaits_start():
                self._enough = f"it has taken its {self._max_jobs} jobs"
                return None
        if self._max_time and self._time_left() <= 0:
            self._enough = f"its {self._max_time:g} s are over"
            return None
        if self._alone:
            self._run_next_alone()
            return 0
        return wish

    def _awaits_start(self) -> bool:
        """Whether a job that was taken is not in its task yet: it may go back, and another be taken in its place."""
        return any(not (run.in_task or run.ended) and run.outcome is None for run in self.state.active())

    def _patience(self) -> float:
        limit = self.options.max_latency
        if self._budget is not None:
            limit = min(limit, self._budget.left)
        return max(0.0, min(limit, self._time_left())) if self._max_time else limit

    def _time_left(self) -> float:
        return self._started_at + self._max_time - self._clock.monotonic()

    # ---- jobs

    def _accept(self, jobs: list[ClaimedJob]) -> None:
        """Claimed jobs become runs. None of this switches fibers, so nobody sees them between two states."""
        runs = [Run(job, self._tasks.options(job.path)) for job in jobs]
        self._queue_limits.assign(runs)
        self.state.hold(runs)
        if self._budget is not None:
            runs = [run for run in runs if self._fits(run)]
        self._accepted += len(runs)
        for run in runs:
            if must_run_alone(run.job):
                self._alone.append(run)
            else:
                run.fiber = self.runtime.spawn(self._perform, run, name="mrq-job")
        self.sizes.took(job.queue for job in jobs if job.raw is None)
        self._count(jobs)  # a hook may switch fibers: last

    def _fits(self, run: Run) -> bool:
        """Whether a run fits into the time that is left; if not, its job goes back to its place. That happens once for
        each task: from then on claims leave its jobs where they are."""
        budget = self._budget
        if budget is None or budget.fits(run.job.path):
            return True
        budget.given_back += 1
        if run.job.raw is not None:
            budget.close(run.job.raw.root)
        run.decide(Outcome(Status.QUEUED, at_front=True))
        self.state.left_fiber(run)
        self._settler.put(run)
        return False

    def _reject(self, job: ClaimedJob, failure: Failure) -> None:
        """A job that can't run: its end is written at once."""
        run = Run(job, self._tasks.options(job.path))
        self.state.hold([run])
        self._accepted += 1
        run.decide(Outcome(Status.FAILED, failure=failure))
        self.state.left_fiber(run)
        self._settler.put(run)
        self._count([job])

    def _count(self, jobs: list[ClaimedJob]) -> None:
        self._metrics.queues("dequeued", Counter(job.raw.queue if job.raw else job.queue for job in jobs))
        self._metrics.statuses({Status.STARTED: len(jobs)})

    def _run_next_alone(self) -> None:
        """Start the first of the jobs that must run alone, once nothing else is held; drop it when it is done."""
        if self.state.busy_beside(self._alone):
            return
        run = self._alone[0]
        if run.fiber is None and run.outcome is None and run.job.token is not None:
            try:
                still_ours = self._jobs.mark_alone(run.job.id, run.job.token)
            except StoreUnavailableError as error:
                log.warning("job %s, to be run alone, waits: %s", run.job.id, error)
                return
            if still_ours:
                run.job.alone = True
                log.warning("job %s has lost %d workers: it runs alone now", run.job.id, run.job.losses)
                run.fiber = self.runtime.spawn(self._perform, run, name="mrq-job")
                return
            self.state.left_fiber(run)
            self.state.settled(run)
        if run.ended and not self.state.holds(run.job.id, run.job.token):
            self._alone.pop(0)
            self.state.kick.set()

    def _perform(self, run: Run) -> None:
        """In a fiber of its own: run the task and have its end written."""
        try:
            if run.outcome is not None:
                return
            now = self._clock.monotonic()
            run.begin(now)
            run.options = self._tasks.loaded_options(run.job.path)  # a task's first job imports it here
            if self._limits.concern(run):
                if not self._admitted(run):
                    return
                now = self._clock.monotonic()
            run.begin(now)
            run.slot = self._guard.enter(run.job.id, run.job.token, run.deadline)
            current_run.set(run)
            run.in_task = True
            if self._max_jobs:
                self.state.kick.set()  # this may have been the last one
            perform = self.fittings.perform
            outcome, run.task = execute(run.job, self._tasks) if perform is None else perform(run)
            run.close_pools()
            run.in_task = False
            if run.decide(outcome):
                self._settler.put(run)
        except BaseException as exc:  # noqa: BLE001
            self._raised_beside_the_task(run, exc)
        finally:
            # An interruption may also hit here. Whoever sent it has decided the run before, or looks at the
            # ended fiber again (Deadlines).
            if run.slot >= 0:
                self._guard.leave(run.slot)
            self.state.left_fiber(run)
            if run.permits:
                self._permits.look()
            if self.fittings.logs is not None:
                self.fittings.logs.buffer.ended(run.job.id)

    def _admitted(self, run: Run) -> bool:
        """Whether a run of a task with limits may start; if not, what becomes of it is under way."""
        run.wait()
        refused = self._limits.admit(run)
        if run.outcome is not None:  # by a shutdown that found it waiting
            self._permits.ended([run])
            return False
        if refused is None:
            return True
        if refused.status is Status.QUEUED:
            self._accepted -= 1
        if run.decide(refused):
            self._settler.put(run)
        return False

    def _raised_beside_the_task(self, run: Run, exc: BaseException) -> None:
        """Something broke around the task, or an interruption came when it was over: the job needs an end all the
        same, or it would stay started for as long as this worker lives."""
        if not isinstance(exc, Interrupt):
            log.exception("job %s (%s): the worker's own code failed", run.job.id, run.job.path)
        status = Status.TIMEOUT if isinstance(exc, TimeoutInterrupt) else Status.FAILED
        if run.decide(Outcome(status, failure=failure_of(exc))):
            self._settler.put(run)

    # ---- what others tell the worker

    def kill(self, run: Run, outcome: Outcome, interrupt: Interrupt) -> bool:
        """End a run that this worker holds. False: its end was decided before."""
        return self._deadlines.end(run, outcome, interrupt, self._clock.monotonic())

    def _is_fresh(self) -> bool:
        """Whether its lease is certainly held."""
        return self._heartbeat.fresh() if self._budget is None else self._budget.left > 0

    def _was_lost(self) -> None:
        self._lost_identity = True
        self.state.kick.set()

    def _start_over(self) -> None:
        """Taken for dead: whoever did that gives the jobs away, so they must end here; then begin anew."""
        left = self._ending.interrupt(self.state.active(), hand_back=True)
        self._alone.clear()
        if left:
            self.stop.make_way("jobs of its lost identity can't be interrupted")
            return
        self.state.open_claims.clear()
        self._queue_limits.start_over()
        self._permits.start_over(self.state.worker)
        self.state.open_takes.clear()
        me, backoff = self._jobs.new_id(), Backoff()
        while not self.stop.graceful:
            try:
                self._register(me)
                self._lost_identity = False
                log.warning("the worker goes on as %s", self.state.worker)
                return
            except StoreUnavailableError:
                self.runtime.sleep(backoff.failed())

    def _permits_released(self, names: set[str]) -> None:
        """Jobs that wait for a permit of their queue may go on, here and elsewhere."""
        roots = {root for name in names if (root := name.removeprefix("queue:")) != name}
        if roots:
            self.state.kick.set()
            self._enqueuer.call_for(roots)

    def _permits_overdue(self) -> None:
        self._lease_overdue([run for run in self.state.active() if run.permits])

    def _lease_overdue(self, runs: list[Run] | None = None) -> None:
        runs = self.state.active() if runs is None else runs
        exclusive = [run for run in runs if run.options.exclusive and run.outcome is None]
        if exclusive:
            log.error("the lease can't be renewed: interrupting %s", many(len(exclusive), "exclusive job"))
            self._ending.interrupt(exclusive, hand_back=True)

    def _is_stuck(self, run: Run) -> None:
        if not self.stop.now:
            log.error("job %s (%s) is past its time-out and can't be interrupted", run.job.id, run.job.path)
            self.stop.make_way("a job can't be interrupted")

    def _listen(self) -> None:
        """Turn calls from producers into kicks. Without Redis the main loop's polling does."""
        backoff, outage = Backoff(), Outage(log, self._clock)
        only = self.options.woken
        roots = self._claimer.roots if only is None else self._claimer.roots & only
        # with nothing to hear of, it listens all the same: that is how it learns that Redis is away
        ear = self._wakeups.subscribe(roots or {str(self.state.worker)})
        try:
            while not self._loops.stopped.is_set():
                try:
                    if ear.wait(1.0):
                        self.state.kick.set()
                    backoff.worked()
                    if outage.over("Redis is back: jobs start at once again"):
                        self._permits.shaken()
                except StoreUnavailableError as error:
                    self._permits.shaken()
                    outage.failed(f"no wake-ups, jobs start up to {self.options.max_latency:g} s late", error)
                    self._loops.stopped.wait(backoff.failed())
        finally:
            ear.close()


def _id_of(jobs: JobStore, worker_id: str) -> WorkerId | None:
    if not worker_id:
        return None
    try:
        return jobs.parse_id(worker_id)
    except InvalidJobIdError as error:
        raise ConfigError(f"worker_id {worker_id!r} is no id; write 24 hexadecimal digits") from error
