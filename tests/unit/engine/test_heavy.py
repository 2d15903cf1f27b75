"""HeavyTasks: which runs make others wait."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mrq.domain.options import TaskOptions
from mrq.engine.heavy import REMEMBERED, HeavyTasks
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
        return run, self.heavy.begin()

    def compute(self, seconds: float) -> None:
        self.clock.pass_by(seconds)
        self.computed += seconds

    def order(self, *tasks: str) -> list[str]:
        runs = [Run(claimed(f"tasks.{task}"), TaskOptions()) for task in tasks]
        return [run.job.path.removeprefix("tasks.") for run in self.heavy.last(runs)]


def test_a_task_that_computes_for_long_starts_last(clock: ManualClock) -> None:
    bench = Bench(clock)
    assert bench.order("Burns", "A", "B") == ["Burns", "A", "B"]
    burning = bench.begin("Burns")
    bench.compute(0.5)
    bench.heavy.end(*burning)
    assert bench.heavy.known
    assert bench.order("Burns", "A", "Burns", "B") == ["A", "B", "Burns", "Burns"]


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
    assert bench.order("Waits", "Burns", "A") == ["Waits", "A", "Burns"]


def test_it_is_forgotten_after_a_while(clock: ManualClock) -> None:
    bench = Bench(clock)
    burning = bench.begin("Burns")
    bench.compute(0.5)
    bench.heavy.end(*burning)
    clock.pass_by(REMEMBERED + 1)
    assert bench.order("Burns", "A") == ["Burns", "A"]
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
