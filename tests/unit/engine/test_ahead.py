"""Claiming ahead of free slots: how much, and what becomes of it."""

from __future__ import annotations

from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Outcome
from mrq.domain.status import Status
from mrq.engine.ahead import Ahead
from mrq.engine.run import Run
from mrq.engine.state import WorkerState
from mrq.engine.threads import ThreadRuntime
from mrq.stores.ids import new_id
from unit.engine.kit import ManualClock, claimed


def after(clock: ManualClock, seconds: float, *, wish: int, taken: int, greenlets: int = 100) -> int:
    ahead = Ahead(clock)
    clock.pass_by(seconds)
    return ahead.after(wish, taken, greenlets)


def test_many_short_jobs_are_claimed_ahead_up_to_a_share(clock: ManualClock) -> None:
    assert after(clock, 0.5, wish=100, taken=100) == 4, "200 a second, of which a fiftieth"
    assert after(clock, 0.5, wish=1000, taken=1000, greenlets=8) == 2


def test_long_jobs_are_not_claimed_ahead(clock: ManualClock) -> None:
    assert after(clock, 10, wish=100, taken=100) == 0


def test_nothing_is_claimed_ahead_of_a_queue_that_has_too_little(clock: ManualClock) -> None:
    assert after(clock, 0.5, wish=1000, taken=999) == 0


class Bench:
    def __init__(self, greenlets: int, ahead: int) -> None:
        self.state = WorkerState(new_id(), greenlets, 1000, ThreadRuntime().event())
        self.state.ahead = ahead
        self.running: list[Run] = []

    def hold(self, many: int) -> list[Run]:
        """Hold so many; those that may not start yet."""
        runs = [Run(claimed(), TaskOptions()) for _ in range(many)]
        self.state.hold(runs)
        self.running = [run for run in runs if self.state.take_slot(run)]
        return runs[len(self.running) :]


def test_what_is_claimed_ahead_starts_in_order_when_slots_get_free() -> None:
    bench = Bench(greenlets=3, ahead=2)
    assert bench.state.free() == 5
    first, second = bench.hold(5)
    assert (bench.state.free(), bench.state.next_waiting()) == (0, None)
    bench.state.left_fiber(bench.running[0])
    assert bench.state.next_waiting() is first
    assert bench.state.next_waiting() is None
    first.decide(Outcome(Status.SUCCESS))
    bench.state.left_fiber(first)
    assert bench.state.next_waiting() is second


def test_what_was_handed_back_meanwhile_does_not_start() -> None:
    bench = Bench(greenlets=1, ahead=2)
    first, second = bench.hold(3)
    first.decide(Outcome(Status.QUEUED, at_front=True))
    bench.state.left_fiber(first)
    bench.state.left_fiber(bench.running[0])
    assert bench.state.next_waiting() is second


def test_the_loop_is_called_once_half_of_it_is_used_up() -> None:
    bench = Bench(greenlets=4, ahead=4)
    bench.hold(8)
    assert bench.state.free() == 0
    kicks: list[bool] = []
    for run in bench.running:
        bench.state.kick.clear()
        bench.state.left_fiber(run)
        bench.state.next_waiting()
        kicks.append(bench.state.kick.is_set())
    assert kicks == [False, False, True, True]
    assert bench.state.free() == 4
