"""The worker's life: it puts its parts together, starts and stops them, and turns its main loop.

Each part has a file of its own: claiming, performing, settling, heartbeat, deadlines, shutdown and others.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from mrq.domain.words import many
from mrq.domain.worker import WorkerStatus
from mrq.engine.ahead import Ahead
from mrq.engine.backoff import Backoff
from mrq.engine.blocking import BlockingWatch
from mrq.engine.budget import OpenRoots
from mrq.engine.claiming import Claimer, queues_of
from mrq.engine.collector import collector_of
from mrq.engine.deadlines import Deadlines
from mrq.engine.departure import Departure
from mrq.engine.fittings import Fittings
from mrq.engine.heartbeat import Heartbeat
from mrq.engine.heavy import HeavyTasks
from mrq.engine.identity import Identity
from mrq.engine.idle import IdleBell
from mrq.engine.instep import Steps
from mrq.engine.limits import Limits
from mrq.engine.listening import Listener
from mrq.engine.maintenance import Maintenance
from mrq.engine.memory import MemoryWatch
from mrq.engine.pauses import PauseWatch
from mrq.engine.performing import Performer
from mrq.engine.permits import Permits
from mrq.engine.queue_limits import QueueLimits
from mrq.engine.quota import Quota
from mrq.engine.raw_rescue import RawRescuer, RawUpkeep
from mrq.engine.raw_settings import served_settings
from mrq.engine.raw_source import RawSource
from mrq.engine.regular_source import RegularSource
from mrq.engine.report import Reporter
from mrq.engine.rescue import Rescuer
from mrq.engine.settling import Settler
from mrq.engine.shutdown import Ending, Exit, StopFlags, what_became
from mrq.engine.sideloops import SHORTEST_JOIN, SideLoops
from mrq.engine.sizes import SizePublisher
from mrq.engine.state import WorkerState
from mrq.engine.strategies import strategy_named
from mrq.engine.turns import Turns
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.guard import Guard, NoGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mrq.domain.ids import WorkerId
    from mrq.domain.outcome import Outcome
    from mrq.engine.budget import Budget
    from mrq.engine.claiming import Source
    from mrq.engine.enqueue import Enqueuer
    from mrq.engine.options import WorkerOptions
    from mrq.engine.run import Run
    from mrq.engine.tasks import TaskLoader
    from mrq.exceptions import Interrupt
    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Event, Runtime
    from mrq.ports.stores import StorePorts

log = logging.getLogger("mrq.worker")

LAST_WRITES = 30.0  # seconds that a stopping worker goes on trying to write outcomes to an absent database


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
        """`loops`: what else runs until the event is set, by name. `budget`: its time, if its end is known."""
        self.options, self._budget = options, budget
        self.more_loops = list(loops)
        self.fittings, self.runtime = fittings or Fittings(), runtime
        self._enqueuer, self._clock = enqueuer, clock
        self._jobs, self._workers = jobs, workers = stores.jobs, stores.workers
        self._guard = guard or NoGuard()
        kick = runtime.event()
        self.state = WorkerState(jobs.new_id(), options.greenlets, options.unsettled_limit, kick)
        self.stop, self.told = StopFlags(kick), runtime.event()  # told: orders wait for it
        self._quota = Quota(clock, options.max_jobs, options.max_time)
        self._permits = Permits(
            stores, self.state, runtime, clock, options, self._permits_released, self._permits_overdue
        )
        self._queue_limits = QueueLimits(self._permits, options, clock, stores.queue_limits)
        self.collector = collector_of(stores, options, clock)
        self._maintenance = Maintenance(jobs, enqueuer, clock)
        self._settler = self._make_settler(stores)
        self._strategy = strategy_named(options.strategy)
        self.queues = queues_of(options.queues)
        self.steps = Steps(clock.monotonic)
        self._loops = SideLoops(runtime, lambda name: self.stop.fail(f"its {name} loop died"))
        self._ending = Ending(self.stop, self.state, self._settler, clock, options, budget)
        self.sizes, self._heavy = self._make_sizes(stores), HeavyTasks(clock, one_thread=runtime.one_thread)
        self._ahead = Ahead(self.state, clock, self._may_claim_ahead)
        self._performer = self._make_performer(stores, tasks)
        self._heartbeat = self._make_heartbeat(stores)
        self._departure = (
            None if budget is None else Departure(budget, self.state, self.stop, self._heartbeat, clock, runtime)
        )
        self._claimer = self._make_claimer(stores)
        self.reporter = Reporter(jobs, workers, self.state, clock, options, self.fittings, self.sizes, self.collector)
        self._lost_identity = False
        self._idle = IdleBell(kick)
        self._rounds = self._make_rounds()
        self._raw_upkeep = self._make_upkeep(stores)
        self._identity = self._make_identity()
        roots = self._claimer.roots & (self._claimer.roots if options.woken is None else options.woken)
        self._listener = Listener(stores.wakeups, self.state, self._permits, clock, roots, options.max_latency)
        self._deadlines = Deadlines(self.state, self._settler, clock, self._guard, options, self._is_stuck)

    def _make_settler(self, stores: StorePorts) -> Settler:
        return Settler(
            stores.jobs, self.state, self.runtime, self._clock, self.options, self._enqueuer.metrics,
            self._permits.ended, raw=stores.raw, returned=self._enqueuer.call_for, collector=self.collector,
            totals=self.fittings.totals, later=self._maintenance.expect,
        )  # fmt: skip

    def _make_sizes(self, stores: StorePorts) -> SizePublisher:
        return SizePublisher(
            stores.jobs, stores.sizes, stores.locks, self._clock, self.queues,
            interval=self.options.report_interval, ttl=self.options.queue_ttl,
        )  # fmt: skip

    def _make_rounds(self) -> Turns:
        return Turns(
            state=self.state, options=self.options, runtime=self.runtime, steps=self.steps, strategy=self._strategy,
            claimer=self._claimer, performer=self._performer, heartbeat=self._heartbeat, maintenance=self._maintenance,
            quota=self._quota, heavy=self._heavy, ahead=self._ahead, idle=self._idle, budget=self._budget,
        )  # fmt: skip

    def _make_identity(self) -> Identity:
        return Identity(
            self._jobs, self._workers, self.state, self._clock, self.options, budget=self._budget,
            heartbeat=self._heartbeat, reporter=self.reporter, guard=self._guard, fittings=self.fittings,
        )  # fmt: skip

    def _make_upkeep(self, stores: StorePorts) -> RawUpkeep:
        rescuer = RawRescuer(stores.raw, stores.jobs, stores.workers, returned=self._enqueuer.call_for)
        roots = frozenset(queue.root for queue in self.queues if queue.is_raw)
        return RawUpkeep(rescuer, self.state, roots, self.options.heartbeat_interval)

    def _make_performer(self, stores: StorePorts, tasks: TaskLoader) -> Performer:
        options, clock = self.options, self._clock
        return Performer(
            jobs=stores.jobs, tasks=tasks, state=self.state, settler=self._settler, quota=self._quota, options=options,
            permits=self._permits, limits=Limits(stores, self._permits, self.runtime, clock), budget=self._budget,
            queue_limits=self._queue_limits, sizes=self.sizes, metrics=self._enqueuer.metrics, runtime=self.runtime,
            clock=clock, guard=self._guard, fittings=self.fittings, collector=self.collector,
            blocking=BlockingWatch(options.blocking_limit, clock), heavy=self._heavy, ahead=self._ahead,
            spans=self._enqueuer.spans,
        )  # fmt: skip

    def _make_heartbeat(self, stores: StorePorts) -> Heartbeat:
        options, call_for = self.options, self._enqueuer.call_for
        rescuer = Rescuer(
            stores.jobs, stores.workers, self._clock, options.heartbeat_interval, options.max_losses,
            options.default_ttl, returned=call_for, settled=self.collector.rescued, bury=self._permits.bury,
        )  # fmt: skip
        return Heartbeat(
            stores.jobs, stores.workers, rescuer, self.state, self._clock, self._guard, options,
            self._was_lost, self._lease_overdue, self.told.set, self._budget,
        )  # fmt: skip

    def _make_claimer(self, stores: StorePorts) -> Claimer:
        options, clock = self.options, self._clock
        settings = served_settings({queue.root for queue in self.queues if queue.is_raw}, options.raw_queues)
        regular = RegularSource(stores.jobs, self.state, clock, options, self._performer.accept, self._budget)
        raw: Source = RawSource(
            stores.raw, stores.jobs, self.state, clock, settings,
            accept=self._performer.accept, reject=self._performer.reject, fresh=self._heartbeat.fresh,
        )  # fmt: skip
        raw = raw if self._budget is None else OpenRoots(raw, self._budget)
        pauses = PauseWatch(stores.pauses, clock, options.paused_queues_refresh_interval)
        return Claimer(self.queues, self._strategy, regular, raw, pauses, clock, self._queue_limits)

    @property
    def beats(self) -> bool:
        """Whether it writes heartbeats, and hears by them that it was told something."""
        return self._budget is None

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
        self._identity.assume(self.state.worker)
        loops: dict[str, Callable[[Event], None]] = {
            "deadlines": self._deadlines.loop, "report": self.reporter.loop, "permits": self._permits.loop,
        }  # fmt: skip
        if self._departure is not None:  # it has stated its end: no lease is to be kept, and others look after others
            loops["budget"] = self._departure.watch
        else:
            loops |= {"heartbeat": self._heartbeat.loop, "rescue": self._heartbeat.look_after}
            loops |= {"wake-up": self._listener.loop, "raw upkeep": self._raw_upkeep.loop}
            loops["maintenance"] = self._maintenance.loop
            loops = {name: self.steps.loop(loop) for name, loop in loops.items()}
        for name, loop in (*loops.items(), *self._fitted_loops(), *self.more_loops):
            self._loops.start(name, functools.partial(loop, self._loops.stopped))
        for name, writes in self._settling.items():
            self._loops.start(name, writes, may_end=True)
        log.info("worker %s serves %s", self.state.worker, ", ".join(self.options.queues))

    def _fitted_loops(self) -> Iterator[tuple[str, Callable[[Event], None]]]:
        logs, memory = self.fittings.logs, self.fittings.memory
        if logs is not None:
            something = self.steps.event(self.runtime.event())
            yield "logs", lambda stopped: logs.loop(stopped, something)
        if memory is not None and self.options.max_memory:
            watch = MemoryWatch(self.options.max_memory, memory, lambda: self._quota.taken, self.stop)
            yield "memory", watch.loop

    def loop(self, max_jobs: int | None = None, max_time: float | None = None) -> None:
        """Take jobs until told to stop or until a limit is reached (None: that of the options; 0: none).

        Jobs may still run then. May be called again after a limit.
        """
        self._rounds.begin(
            self.options.max_jobs if max_jobs is None else max_jobs,
            self.options.max_time if max_time is None else max_time,
        )
        if self._departure is None:
            self._turns()
        else:
            self._departure.turns(self._turns)
        self._rounds.end()

    def _turns(self) -> None:
        try:
            while not (self.stop.graceful or self._rounds.enough):
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
        self._performer.give_back(self._ahead.overdue())
        if not self._heartbeat.fresh():
            return 0
        self._performer.start_next()
        wish = min(limit, self.state.free())
        taken = self._claimer.claim(wish) if wish > 0 else 0
        self._performer.start_held_back()  # nobody looks for more in between
        self._performer.count()
        return taken

    def wait_for_idle(self, timeout: float | None = None) -> bool:
        """Wait until no job is held, and one more look at the queues after that has found none.

        True at once when the worker has ended; False after `timeout` seconds.
        """
        return self._idle.wait(self.runtime.event(), timeout)

    def end(self) -> Exit:
        """Bring all jobs to an end, write what is left to write, and sign off."""
        departure = self._departure
        self.stop.finish(self._rounds.enough or "it has nothing left to do")
        log.info("worker %s stops: %s", self.state.worker, self.stop.reason)
        self._ending.perform()
        self._performer.count()  # what a thread has started since the loop ended
        self._settler.close()
        until = self._clock.monotonic() + (LAST_WRITES if departure is None else departure.pause(LAST_WRITES))
        ended = [self._loops.join(name, max(SHORTEST_JOIN, until - self._clock.monotonic())) for name in self._settling]
        written = all(ended)
        if not written:
            log.error("%s could not be written: their jobs will run again", many(len(self.state.held()), "outcome"))
        self._loops.stopped.set()
        self._permits.close()
        if self.fittings.logs is not None:
            self.fittings.logs.wake()
        late = self._loops.stop(2.0 if departure is None else departure.pause(2.0), but="wake-up")  # that may listen on
        self._idle.close()
        if departure is None:
            self._sign_off(written)
        else:
            departure.leave_nothing(late, functools.partial(self._sign_off, written))
        self._guard.finishing(self.stop.exit_code, replace=self.stop.replace)
        return Exit(self.stop.exit_code, self.stop.replace, self.stop.reason)

    def _sign_off(self, written: bool) -> None:
        if written and not self.state.busy:
            self._permits.finish()
            try:
                self._workers.stop(self.state.worker, self.reporter.last())
            except StoreUnavailableError as error:
                log.warning("the database doesn't know that this worker stopped: %s", error)
            self._raw_upkeep.give_back()
        log.info("worker %s stopped: %s", self.state.worker, what_became(self.state))
        if self.fittings.logs is not None:
            self.fittings.logs.close()

    @property
    def _settling(self) -> dict[str, Callable[[], None]]:
        """The loops that end by themselves when all is written."""
        return {"settler": self._settler.loop, **self._settler.raw_loops}

    # ---- one turn of the main loop

    def _turn(self) -> None:
        self.state.kick.clear()
        self._guard.alive()
        if self._lost_identity:
            self._start_over()
            return
        self._rounds.turn()

    def _may_claim_ahead(self) -> bool:
        """Not where a claimed job has no time to wait, or might keep those behind it waiting. And not where one holds
        more than its place while it waits: a permit of its queue, or a payload that had another place in Redis."""
        if self._budget is not None or self._heavy.known or self._performer.alone:
            return False
        return not any(queue.is_raw or self._queue_limits.limits(queue) for queue in self.queues)

    # ---- what others tell the worker

    def kill(self, run: Run, outcome: Outcome, interrupt: Interrupt) -> bool:
        """End a run that this worker holds. False: its end was decided before."""
        ended = self._deadlines.end(run, outcome, interrupt, self._clock.monotonic())
        if ended and run.fiber is None:
            self._performer.never_started(run)
        return ended

    def _was_lost(self) -> None:
        self._lost_identity = self._ahead.closed = True
        self.state.kick.set()

    def _start_over(self) -> None:
        """Taken for dead: whoever did that gives the jobs away, so they must end here; then begin anew."""
        self._performer.give_back(self._ahead.all())
        left = self._ending.interrupt(self.state.active(), hand_back=True)
        self._performer.alone.clear()
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
                self._identity.assume(me)
                self._lost_identity = self._ahead.closed = False
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
