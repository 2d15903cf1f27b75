"""HeavyTasks: which runs make others wait."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Outcome
from mrq.domain.status import Status
from mrq.engine.heavy import LONGEST_HELD_BACK, RECENT, REMEMBERED, HeavyTasks
from mrq.engine.run import Run
from unit.engine.kit import ManualClock, claimed


@dataclass
class Bench:
    clock: ManualClock
    computed: float = 0.0

    def __post_init__(self) -> None:
        self.heavy = HeavyTasks(self.clock, cpu=lambda: self.computed)

    def begin(self, task: str) -> tuple[Run, tuple[int, float]]:
        run = Run(claimed(f"tasks.{task}"), TaskOptions())
        run.begin(self.clock.monotonic())
        return run, self.heavy.begin(run)

    def compute(self, seconds: float) -> None:
        self.clock.pass_by(seconds)
        self.computed += seconds

    def heavy_of(self, *tasks: str) -> list[str]:
        return [task for task in tasks if self.heavy.is_heavy(f"tasks.{task}")]

    def hold_back(self) -> Run:
        run = Run(claimed("tasks.Burns"), TaskOptions())
        self.heavy.hold_back(run)
        return run


def test_a_task_that_computes_for_long_is_heavy(clock: ManualClock) -> None:
    bench = Bench(clock)
    assert bench.heavy_of("Burns", "A") == []
    burning = bench.begin("Burns")
    bench.compute(0.5)
    bench.heavy.end(*burning)
    assert bench.heavy.known
    assert bench.heavy_of("Burns", "A") == ["Burns"]


@pytest.mark.parametrize(("computed", "waited"), [(0.0, 0.5), (0.01, 0.0)], ids=["it only waits", "it is short"])
def test_such_a_run_is_not_heavy(clock: ManualClock, computed: float, waited: float) -> None:
    bench = Bench(clock)
    light = bench.begin("Light")
    bench.compute(computed)
    clock.pass_by(waited)
    bench.heavy.end(*light)
    assert not bench.heavy.known


def test_who_waits_while_another_computes_is_not_taken_for_it(clock: ManualClock) -> None:
    bench = Bench(clock)
    waiting, burning = bench.begin("Waits"), bench.begin("Burns")
    bench.compute(0.5)
    bench.heavy.end(*burning)
    bench.heavy.end(*waiting)
    assert bench.heavy_of("Waits", "Burns", "A") == ["Burns"]


def test_it_is_forgotten_after_a_while(clock: ManualClock) -> None:
    bench = Bench(clock)
    burning = bench.begin("Burns")
    bench.compute(0.5)
    bench.heavy.end(*burning)
    clock.pass_by(REMEMBERED + 1)
    assert bench.heavy_of("Burns", "A") == []
    assert not bench.heavy.known


@pytest.mark.parametrize("computed", [0.01, 0.0])
def test_a_run_that_lets_others_run_clears_its_task(clock: ManualClock, computed: float) -> None:
    bench = Bench(clock)
    burning = bench.begin("Burns")
    bench.compute(0.5)
    bench.heavy.end(*burning)
    light, other = bench.begin("Burns"), bench.begin("A")
    bench.compute(computed)
    clock.pass_by(0.5 if not computed else 0.0)
    bench.heavy.end(*other)
    bench.heavy.end(*light)
    assert not bench.heavy.known


def test_what_is_held_back_starts_when_nothing_runs_beside_it(clock: ManualClock) -> None:
    bench = Bench(clock)
    assert not bench.heavy.must_start(lambda: range(0))
    held = [bench.hold_back(), bench.hold_back()]
    assert not bench.heavy.must_start(lambda: range(3))
    assert bench.heavy.must_start(lambda: range(2))
    assert bench.heavy.let_start() == held
    assert not bench.heavy.must_start(lambda: range(0))


def test_it_waits_for_others_no_longer_than_a_moment(clock: ManualClock) -> None:
    bench = Bench(clock)
    assert bench.heavy.patience(5.0) == 5.0
    bench.hold_back()
    clock.pass_by(LONGEST_HELD_BACK / 2)
    bench.hold_back()
    assert bench.heavy.patience(5.0) == pytest.approx(LONGEST_HELD_BACK / 2)
    clock.pass_by(LONGEST_HELD_BACK)
    assert bench.heavy.patience(5.0) == 0
    assert bench.heavy.must_start(lambda: range(100))


def test_what_was_given_back_meanwhile_does_not_start(clock: ManualClock) -> None:
    bench = Bench(clock)
    gone, stays = bench.hold_back(), bench.hold_back()
    gone.decide(Outcome(Status.QUEUED, at_front=True))
    assert bench.heavy.let_start() == [stays]


def test_in_one_thread_the_processor_time_is_read_now_and_then(clock: ManualClock) -> None:
    reads: list[float] = []
    heavy = HeavyTasks(clock, cpu=lambda: reads.append(0.0) or float(len(reads)), one_thread=True)
    for _ in range(10):
        run = Run(claimed("tasks.A"), TaskOptions())
        run.begin(clock.monotonic())
        heavy.end(run, heavy.begin(run))
        clock.pass_by(RECENT / 4)
    assert 2 <= len(reads) <= 3
