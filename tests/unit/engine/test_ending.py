"""Side loops, deadlines and the stages of a stop, with fibers that do as the test says."""

from __future__ import annotations

import threading
import traceback
from typing import Any

import pytest

from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Outcome
from mrq.domain.status import Status
from mrq.engine.budget import Budget
from mrq.engine.deadlines import Deadlines
from mrq.engine.options import WorkerOptions
from mrq.engine.run import Run
from mrq.engine.settling import Settler
from mrq.engine.shutdown import Ending, StopFlags
from mrq.engine.sideloops import SideLoops
from mrq.engine.state import WorkerState
from mrq.engine.threads import ThreadRuntime
from mrq.exceptions import JobInterrupt, TimeoutInterrupt
from mrq.ports.guard import NoGuard
from mrq.stores.ids import new_id
from support.waiting import wait_until
from unit.engine.kit import ManualClock, Moody, new_job, start, statuses


class Puppet:
    """A fiber that ends at the n-th interruption; `during_join` happens while somebody waits for it."""

    def __init__(self, clock: ManualClock, ends_after: int = 1) -> None:
        self.clock, self.ends_after = clock, ends_after
        self.interrupts: list[BaseException] = []
        self.during_join: Any = lambda: None

    @property
    def ended(self) -> bool:
        return len(self.interrupts) >= self.ends_after

    def interrupt(self, exc: BaseException) -> None:
        self.interrupts.append(exc)

    def join(self, timeout: float | None = None) -> bool:
        before = self.ended
        if not before:
            self.clock.pass_by(timeout or 0.0)
            self.during_join()
        return before

    def stack(self) -> traceback.StackSummary:
        return traceback.StackSummary()


class Bench:
    def __init__(self, store: Moody, clock: ManualClock, **about: Any) -> None:
        self.store, self.clock, self.stuck = store, clock, list[Run]()
        options = WorkerOptions(settle_window=0, interrupt_grace=10.0, **about)
        runtime = ThreadRuntime()
        kick = runtime.event()
        self.state = WorkerState(new_id(), 100, 1000, kick)
        self.flags = StopFlags(kick)
        self.settler = Settler(store, self.state, runtime, clock, options)
        self.ending = Ending(self.flags, self.state, self.settler, clock, options)
        self.deadlines = Deadlines(self.state, self.settler, clock, NoGuard(), options, self.stuck.append)

    def running(self, *puppets: Puppet | None, timeout: float = 60.0) -> list[Run]:
        jobs = start(self.store, *(new_job() for _ in puppets), worker=self.state.worker)
        runs = [Run(job, TaskOptions(timeout=timeout)) for job in jobs]
        for run, puppet in zip(runs, puppets, strict=True):
            run.fiber = puppet  # type: ignore[assignment]
            if puppet is not None:
                run.begin(self.clock.monotonic())
        self.state.hold(runs)
        return runs

    def written(self, runs: list[Run]) -> list[str]:
        self.settler.close()
        self.settler.loop()
        return statuses(self.store, [run.job.id for run in runs])


@pytest.fixture
def bench(store: Moody, clock: ManualClock) -> Bench:
    return Bench(store, clock)


def puppets(bench: Bench, *ends_after: int) -> list[Puppet]:
    return [Puppet(bench.clock, n) for n in ends_after]


def test_running_jobs_are_interrupted_and_end_as_interrupt_with_their_return(bench: Bench) -> None:
    made = puppets(bench, 1, 1)
    runs = bench.running(*made)
    bench.flags.interrupt("SIGTERM")
    bench.ending.perform()
    assert bench.written(runs) == ["interrupt", "interrupt"]
    assert [type(error) for error in made[0].interrupts] == [JobInterrupt]
    record = bench.store.fetch(runs[0].job.id)
    assert (record.dateretry - bench.clock.now()).total_seconds() == 10
    assert "the worker had to stop (SIGTERM)" in record.traceback


def test_without_requeueing_an_interrupted_job_stays_where_it_is(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, requeue_interrupted=False)
    runs = bench.running(*puppets(bench, 1))
    bench.ending.interrupt(runs, hand_back=False)
    assert bench.written(runs) == ["interrupt"]
    assert store.fetch(runs[0].job.id).dateretry is None


def test_a_failing_worker_hands_its_jobs_back(bench: Bench) -> None:
    runs = bench.running(*puppets(bench, 1))
    bench.flags.fail("its heartbeat loop died")
    bench.ending.perform()
    assert bench.written(runs) == ["queued"]
    assert bench.flags.exit_code == 1


def test_a_job_that_swallows_interruptions_gets_more_of_them(bench: Bench) -> None:
    made = puppets(bench, 3)
    runs = bench.running(*made)
    bench.ending.interrupt(runs, hand_back=False)
    assert len(made[0].interrupts) == 3
    assert bench.written(runs) == ["interrupt"]


def test_a_job_that_cannot_be_interrupted_is_not_written(bench: Bench) -> None:
    runs = bench.running(*puppets(bench, 10**6))
    began = bench.clock.monotonic()
    bench.ending.interrupt(runs, hand_back=True)
    assert 10 <= bench.clock.monotonic() - began < 11
    assert bench.written(runs) == ["started"]


def test_jobs_that_never_began_are_given_back(bench: Bench) -> None:
    runs = bench.running(None, None)
    bench.flags.finish("asked to")
    bench.ending.perform()
    assert bench.written(runs) == ["queued", "queued"]
    assert [bench.store.fetch(run.job.id).losses for run in runs] == [0, 0]


def test_a_job_that_ends_between_two_looks_is_written(bench: Bench) -> None:
    """Its fiber marks the run as ended on its last lines, before the fiber itself is over."""
    slow, quick = puppets(bench, 2, 2)
    runs = bench.running(slow, quick)
    quick.during_join = lambda: bench.state.left_fiber(runs[1])
    bench.ending.interrupt(runs, hand_back=False)
    assert bench.written(runs) == ["interrupt", "interrupt"]


def test_what_was_decided_before_the_stop_stands(bench: Bench) -> None:
    runs = bench.running(*puppets(bench, 1))
    runs[0].decide(Outcome(Status.SUCCESS, result=1))
    bench.settler.put(runs[0])
    bench.ending.interrupt(runs, hand_back=False)
    assert bench.written(runs) == ["success"]


def test_flags_are_only_ever_set_and_the_first_reason_stays(bench: Bench) -> None:
    flags = bench.flags
    flags.finish("first")
    assert (flags.graceful, flags.now, flags.exit_code) == (True, False, 0)
    flags.interrupt("second")
    assert (flags.graceful, flags.now, flags.hand_back) == (True, True, False)
    flags.make_way("third")
    assert (flags.now, flags.hand_back, flags.replace, flags.exit_code) == (True, True, True, 1)
    flags.finish("fourth")
    assert (flags.reason, flags.now, flags.exit_code) == ("first", True, 1)
    assert flags.kick.is_set()


# ---- deadlines


def test_a_run_past_its_deadline_ends_as_timeout(bench: Bench) -> None:
    (puppet,) = puppets(bench, 1)
    runs = bench.running(puppet, timeout=5)
    bench.deadlines.look_at(runs[0], bench.clock.monotonic() + 4.99)
    assert puppet.interrupts == []
    bench.deadlines.look_at(runs[0], bench.clock.monotonic() + 5)
    assert [type(error) for error in puppet.interrupts] == [TimeoutInterrupt]
    assert bench.written(runs) == ["timeout"]
    assert "longer than its timeout of 5 s" in bench.store.fetch(runs[0].job.id).traceback


def test_a_timeout_of_zero_is_none(bench: Bench) -> None:
    (puppet,) = puppets(bench, 1)
    runs = bench.running(puppet, timeout=0)
    bench.deadlines.look_at(runs[0], bench.clock.monotonic() + 10**9)
    assert puppet.interrupts == []


def test_a_run_that_swallows_its_timeout_is_interrupted_again_then_called_stuck(bench: Bench) -> None:
    (puppet,) = puppets(bench, 10**6)
    (run,) = bench.running(puppet, timeout=5)
    now = bench.clock.monotonic() + 5
    for seconds in (0, 1, 10):
        bench.deadlines.look_at(run, now + seconds)
    assert len(puppet.interrupts) == 3
    assert bench.stuck == []
    bench.deadlines.look_at(run, now + 10.1)
    assert bench.stuck == [run]


def test_a_run_that_was_decided_is_not_timed_out(bench: Bench) -> None:
    (puppet,) = puppets(bench, 1)
    (run,) = bench.running(puppet, timeout=5)
    run.decide(Outcome(Status.SUCCESS))
    bench.deadlines.look_at(run, bench.clock.monotonic() + 6)
    assert puppet.interrupts == []


def test_a_fiber_that_ended_without_a_word_is_noticed(bench: Bench) -> None:
    (puppet,) = puppets(bench, 0)
    runs = bench.running(puppet)
    bench.deadlines.look_at(runs[0], bench.clock.monotonic())
    assert bench.state.active() == []
    assert bench.written(runs) == ["timeout"]


@pytest.mark.parametrize(
    ("begun", "in_task", "overran"),
    [(30, True, True), (60, True, False), (30, False, False)],
    ids=["longer than its task takes", "begun too late", "waiting for its turn"],
)
def test_a_burst_knows_which_jobs_had_all_the_time_that_their_task_takes(
    bench: Bench, begun: float, in_task: bool, overran: bool
) -> None:
    bench.ending.budget = Budget(bench.clock, 100.0, 10.0, lambda _path: 50.0)
    bench.clock.pass_by(begun)
    (run,) = bench.running(Puppet(bench.clock))
    run.in_task = in_task
    bench.clock.pass_by(90 - begun)
    bench.ending.interrupt([run], hand_back=False)
    assert run.outcome is not None
    assert run.outcome.overran is overran


def test_whoever_else_interrupts_a_job_says_nothing_about_its_length(bench: Bench) -> None:
    bench.ending.budget = Budget(bench.clock, 100.0, 10.0, lambda _path: 50.0)
    (run,) = bench.running(Puppet(bench.clock))
    run.in_task = True
    bench.clock.pass_by(60)
    bench.ending.interrupt([run], hand_back=False)
    assert run.outcome is not None
    assert not run.outcome.overran


# ---- side loops


def loops() -> tuple[SideLoops, list[str]]:
    died: list[str] = []
    return SideLoops(ThreadRuntime(), died.append), died


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_loop_that_dies_is_told(error: type[BaseException]) -> None:
    side, died = loops()

    def loop() -> None:
        raise error

    side.start("report", loop)
    wait_until(lambda: died == ["report"])


def test_a_loop_that_ends_by_itself_is_told() -> None:
    side, died = loops()
    side.start("report", lambda: None)
    wait_until(lambda: died == ["report"])


def test_loops_that_end_when_told_to_are_fine() -> None:
    side, died = loops()
    for name in ("a", "b"):
        side.start(name, lambda: side.stopped.wait(30))
    assert side.stop(timeout=10) == []
    assert side.join("a", 0)
    assert died == []


def test_loops_that_do_not_end_are_named() -> None:
    side, _ = loops()
    stuck = threading.Event()
    side.start("stuck", lambda: stuck.wait(30))
    side.start("other", lambda: stuck.wait(30))
    assert side.stop(timeout=0.01, but="other") == ["stuck"]
    stuck.set()
    assert side.join("stuck", 10)
