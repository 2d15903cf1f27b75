"""Ahead: how many jobs are claimed before there are slots for them, and what becomes of those that wait."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Outcome
from mrq.domain.status import Status
from mrq.engine import ahead
from mrq.engine.ahead import LONGEST, LONGEST_ON_THE_WAY, LONGEST_RUNS, MOST, SOON, Ahead
from mrq.engine.collector import Collector
from mrq.engine.run import Run
from mrq.engine.state import WorkerState
from mrq.engine.threads import ThreadRuntime
from mrq.exceptions import AbortInterrupt
from mrq.stores.ids import new_id
from support.waiting import wait_until
from unit.engine.kit import ManualClock, claimed
from unit.engine.plant import PATIENCE, Counting, Plant

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mrq.engine.shutdown import Exit
    from mrq.engine.threads import ThreadFiber

SLOTS = 10


class Bench:
    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.kick = ThreadRuntime().event()
        self.state = WorkerState(new_id(), SLOTS, 1000, self.kick)
        self.may = True
        self.ahead = Ahead(self.state, clock, lambda: self.may)

    def take(self, many: int) -> list[Run]:
        runs = [Run(claimed("tasks.A"), TaskOptions()) for _ in range(many)]
        self.state.hold(runs)
        for run in runs:
            self.ahead.line_up(run, self.clock.monotonic())
        return runs

    def start(self) -> list[Run]:
        started = []
        while (run := self.ahead.next()) is not None:
            started.append(run)
        return started

    def end(self, run: Run, took: float) -> None:
        self.state.left_fiber(run)
        self.ahead.ended(took)

    def after_runs_of(self, seconds: float) -> int:
        """How many jobs may be claimed when all slots are taken by jobs after those that took so long."""
        self.take(SLOTS)
        for run in self.start():
            self.end(run, seconds)
        self.take(SLOTS)
        self.start()
        self.ahead.claimed(SLOTS, SLOTS)
        return self.ahead.room()


@pytest.fixture
def bench(clock: ManualClock) -> Bench:
    return Bench(clock)


def test_what_is_not_known_is_not_claimed_ahead(bench: Bench) -> None:
    assert bench.ahead.room() == SLOTS
    bench.take(SLOTS)
    bench.ahead.claimed(SLOTS, SLOTS)
    assert len(bench.start()) == SLOTS
    assert bench.ahead.room() == 0


@pytest.mark.parametrize(
    ("seconds", "jobs"),
    [
        (0.0, MOST * SLOTS),
        (SOON / MOST, MOST * SLOTS),
        (SOON / 2, 2 * SLOTS),
        (SOON, SLOTS),
        (LONGEST_RUNS, SLOTS * SOON / LONGEST_RUNS),
        (1.1 * LONGEST_RUNS, 0),
        (60.0, 0),
    ],
)
def test_as_many_as_will_have_a_slot_soon(bench: Bench, seconds: float, jobs: int) -> None:
    assert bench.after_runs_of(seconds) == jobs


def test_nothing_where_the_queue_had_less_than_was_wished(bench: Bench) -> None:
    assert bench.after_runs_of(0.0) > 0
    bench.ahead.claimed(SLOTS, SLOTS - 1)
    assert bench.ahead.room() == 0


def test_nothing_where_it_may_not_be(bench: Bench) -> None:
    assert bench.after_runs_of(0.0) > 0
    bench.may = False
    assert bench.ahead.room() == 0


def test_nothing_for_a_single_slot(bench: Bench) -> None:
    """Its jobs are promised to run in the order of their queue, whatever becomes of those that wait."""
    bench.state.resize(1)
    bench.ahead.ended(0.0)
    bench.ahead.claimed(1, 1)
    assert bench.ahead.room() == 1


def test_one_long_run_ends_it_for_a_while(bench: Bench) -> None:
    assert bench.after_runs_of(0.001) > 0
    bench.ahead.ended(60.0)
    assert bench.ahead.room() == 0
    for _ in range(200):
        bench.ahead.ended(0.001)
    assert bench.ahead.room() > 0


def test_those_that_wait_start_in_their_order_as_slots_become_free(bench: Bench) -> None:
    runs = bench.take(SLOTS + 3)
    assert bench.start() == runs[:SLOTS]
    bench.end(runs[4], 0.01)
    bench.end(runs[7], 0.01)
    assert bench.start() == runs[SLOTS : SLOTS + 2]
    bench.state.resize(SLOTS + 1)
    assert bench.start() == runs[SLOTS + 2 :]


def test_one_that_was_ended_from_outside_is_passed_over(bench: Bench) -> None:
    runs = bench.take(SLOTS + 2)
    bench.start()
    runs[SLOTS].decide(Outcome(Status.CANCEL))
    bench.state.left_fiber(runs[SLOTS])
    bench.end(runs[0], 0.01)
    assert bench.start() == [runs[SLOTS + 1]]


def test_the_worker_looks_again_when_half_of_them_are_gone(bench: Bench) -> None:
    allowed = bench.after_runs_of(SOON)
    assert allowed == SLOTS
    bench.take(allowed)
    assert bench.ahead.room() == 0
    bench.kick.clear()
    for left in range(SLOTS - 1, -1, -1):
        bench.end(next(iter(bench.state._started)), SOON)
        assert len(bench.start()) == 1
        bench.ahead.ended(SOON)
        assert bench.kick.is_set() == (left <= SLOTS / 2)
    assert bench.ahead.room() == SLOTS


def test_what_waited_through_a_suspension_does_not_start(bench: Bench, clock: ManualClock) -> None:
    """It may have been taken for dead meanwhile, and others have it: the main loop looks first."""
    runs = bench.take(SLOTS + 2)
    bench.start()
    bench.kick.clear()
    clock.pass_by(60)
    bench.end(runs[0], 0.01)
    assert bench.start() == []
    assert bench.kick.is_set()
    assert bench.ahead.overdue() == runs[SLOTS:]


def test_nothing_starts_while_what_waits_is_somebody_elses(bench: Bench) -> None:
    runs = bench.take(1)
    bench.ahead.closed = True
    assert bench.start() == []
    bench.ahead.closed = False
    assert bench.start() == runs


def test_a_slot_that_becomes_free_while_another_looks_is_taken(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    running = bench.take(SLOTS)
    bench.start()
    (waiting,) = bench.take(1)
    take_slot = bench.state.take_slot

    def meanwhile(run: Run) -> bool:
        taken = take_slot(run)
        if not taken:  # the run that leaves its slot now finds nobody in line
            bench.state.left_fiber(running[0])
            assert bench.ahead.next() is None
        return taken

    monkeypatch.setattr(bench.state, "take_slot", meanwhile)
    assert bench.ahead.next() is waiting


def test_one_that_could_not_be_started_is_the_next_again(bench: Bench) -> None:
    runs = bench.take(SLOTS + 1)
    bench.start()
    bench.end(runs[0], 0.01)
    assert bench.ahead.next() is runs[SLOTS]
    bench.ahead.again(runs[SLOTS])
    assert bench.start() == [runs[SLOTS]]


def test_a_database_that_is_away_does_not_stop_claims_for_long(bench: Bench, clock: ManualClock) -> None:
    bench.take(2)
    clock.pass_by(LONGEST)
    for run in bench.ahead.overdue():
        bench.state.left_fiber(run)
    assert bench.ahead.room() == 0
    clock.pass_by(1.1 * LONGEST_ON_THE_WAY)
    assert bench.ahead.room() == SLOTS


def test_when_one_waits_too_long_all_go_back(bench: Bench, clock: ManualClock) -> None:
    assert bench.ahead.patience(1.0) == 1.0
    bench.after_runs_of(SOON)
    runs = bench.take(2)
    clock.pass_by(LONGEST / 2)
    runs += bench.take(1)
    assert bench.ahead.patience(1.0) == pytest.approx(LONGEST / 2)
    assert bench.ahead.overdue() == []
    clock.pass_by(LONGEST / 2)
    runs[0].decide(Outcome(Status.CANCEL))
    assert bench.ahead.overdue() == runs[1:]
    assert bench.ahead.patience(1.0) < LONGEST
    for run in bench.start() + runs:
        bench.state.left_fiber(run)
    bench.end(next(iter(bench.state._started)), 0.01)
    assert bench.ahead.room() == 0, "until they are back, those behind them stay where they are"
    bench.state.settled(runs)
    assert bench.ahead.room() == 1
    bench.ahead.claimed(SLOTS, SLOTS)
    bench.ahead.ended(60.0)
    assert bench.ahead.room() == 1, "those that run now take long"


# ---- in the whole worker


def test_no_more_run_than_there_are_slots(plant: Counting) -> None:
    jobs = plant.queue(plant.counted(seconds=0.002), 200)
    worker = plant.worker(greenlets=3, strategy="burst")
    claims: list[int] = []
    claim = worker._claimer.claim
    worker._claimer.claim = lambda free: claims.append(free) or claim(free)  # type: ignore[method-assign,func-returns-value]
    assert plant.start(worker).result(PATIENCE).code == 0
    assert plant.statuses(jobs) == ["success"] * 200
    assert plant.most == 3
    assert max(claims) > 3, "none was claimed ahead"


def test_a_limit_of_jobs_counts_those_that_wait(plant: Plant) -> None:
    plant.queue(plant.tasks.define(lambda params: None), 50)
    assert plant.start(plant.worker(greenlets=2, max_jobs=23)).result(PATIENCE).code == 0
    assert plant.app.jobs.count("default", frozenset({Status.SUCCESS})) == 23
    assert plant.app.jobs.count("default", frozenset({Status.QUEUED})) == 27


def stuck(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> tuple[Future[Exit], list[Any], list[Any]]:
    """The end of a worker whose slots are taken by long jobs, and that has claimed others ahead, as after short ones;
    the long jobs, and the others, which wait for as long as the test lets them."""
    monkeypatch.setattr(ahead, "LONGEST", 2.0 * PATIENCE)
    worker = plant.worker(greenlets=2)
    worker._ahead._mean = 0.001
    long, short = plant.queue(plant.waiting(), 2), plant.queue(plant.tasks.define(lambda params: None, "Short"), 4)
    ended = plant.start(worker)
    plant.in_task(worker, 2)
    wait_until(lambda: "started" in plant.statuses(short))
    return ended, long, short


def test_jobs_go_back_when_those_before_them_take_long(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    _, long, short = stuck(plant, monkeypatch)
    monkeypatch.setattr(ahead, "LONGEST", 0.05)
    wait_until(lambda: plant.statuses(short) == ["queued"] * 4)
    assert plant.burst(greenlets=1).code == 0, "somebody else can take them"
    assert plant.statuses(short) == ["success"] * 4
    plant.go.set()
    wait_until(lambda: plant.statuses(long) == ["success"] * 2)


def test_jobs_that_wait_go_back_at_a_stop(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, long, short = stuck(plant, monkeypatch)
    plant.running[0][0].stop.finish("the test wants it")
    wait_until(lambda: plant.statuses(short) == ["queued"] * 4)
    plant.go.set()
    assert ended.result(PATIENCE).code == 0
    assert plant.statuses(long) == ["success"] * 2


def test_jobs_that_go_back_are_as_they_were_before(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    notify = plant.app.wakeups.notify
    ended, long, short = stuck(plant, monkeypatch)
    worker = plant.running[0][0]
    plant.app.wakeups.notify = lambda roots: called.extend(roots) or notify(roots)  # type: ignore[method-assign,func-returns-value]
    assert len(worker.state.running()) == worker.reporter.report(worker.state.status)["usage_avg"] * 2 == 2
    before = plant.record(short[0]).datequeued
    monkeypatch.setattr(ahead, "LONGEST", 0.05)
    wait_until(lambda: plant.statuses(short) == ["queued"] * 4)
    wait_until(lambda: called == ["default"], what="others are called")
    assert [(plant.record(job).datequeued, plant.record(job).attempts) for job in short] == [(before, ())] * 4
    assert (worker.state.done_jobs, worker.state.handed_back) == (0, 0)
    assert worker._quota.taken == 2
    plant.go.set()
    wait_until(lambda: plant.statuses([*long, *short]) == ["success"] * 6)
    worker.stop.finish("the test wants it")
    assert ended.result(PATIENCE).code == 0
    assert worker.state.done_jobs == 6


def test_what_waits_goes_back_when_a_loop_of_ones_own_ends(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "LONGEST", 2.0 * PATIENCE)
    worker = plant.worker(greenlets=2)
    worker._ahead._mean = 0.001
    plant.queue(plant.waiting(), 2)
    short = plant.queue(plant.tasks.define(lambda params: None, "Short"), 4)
    worker.begin()
    try:
        worker.loop(max_time=0.2)
        wait_until(lambda: plant.statuses(short) == ["queued"] * 4)
        assert worker._quota.taken == 2
    finally:
        plant.go.set()
        worker.end()


def test_what_waits_goes_back_untouched_with_a_lost_identity(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    _, long, short = stuck(plant, monkeypatch)
    worker = plant.running[0][0]
    plant.go.set()
    worker._was_lost()
    wait_until(lambda: plant.statuses([*long, *short]) == ["success"] * 6)
    assert worker._quota.taken <= 2 * len(long) + len(short)
    assert {len(plant.record(job).attempts) for job in short} == {1}, "the run that ended well alone"


def test_more_slots_are_filled_at_once(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, short = stuck(plant, monkeypatch)
    plant.running[0][0].state.resize(3)
    wait_until(lambda: plant.statuses(short) == ["success"] * 4)


def test_one_that_waits_can_be_killed_and_counts(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    ended: list[Any] = []
    monkeypatch.setattr(Collector, "started", lambda self, jobs: started.extend(jobs))
    monkeypatch.setattr(Collector, "ended", lambda self, runs: ended.extend(runs))
    _, long, short = stuck(plant, monkeypatch)
    worker = plant.running[0][0]
    run = next(run for job in short if (run := worker.state.run_of(job)) is not None)
    assert worker.kill(run, Outcome(Status.ABORT), AbortInterrupt())
    wait_until(lambda: plant.record(run.job.id).status is Status.ABORT)
    plant.go.set()
    wait_until(lambda: sorted(plant.statuses([*long, *short])) == ["abort"] + ["success"] * 5)
    worker.stop.finish("the test wants it")
    plant.running[0][1].result(PATIENCE)
    assert (len(started), len(ended)) == (6, 6)


def test_a_start_counts_though_its_job_has_ended_before_whoever_started_it_goes_on(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends starts the next one, in its thread."""
    started: list[Any] = []
    over = threading.Event()
    spawn = ThreadRuntime.spawn

    def slow(self: ThreadRuntime, *args: Any, **named: Any) -> ThreadFiber:
        fiber = spawn(self, *args, **named)
        if threading.current_thread().name == "mrq-job":
            over.wait(PATIENCE)
        return fiber

    monkeypatch.setattr(ThreadRuntime, "spawn", slow)
    monkeypatch.setattr(Collector, "started", lambda self, jobs: started.extend(jobs))
    ended, long, short = stuck(plant, monkeypatch)
    plant.go.set()
    wait_until(lambda: plant.statuses([*long, *short]) == ["success"] * 6)
    plant.running[0][0].stop.finish("the test wants it")
    ended.result(PATIENCE)
    counted = len(started)
    over.set()
    assert counted == 6
