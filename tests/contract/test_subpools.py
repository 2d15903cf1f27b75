"""Sub-pools on each Runtime: what comes out, what is raised, and that nothing outlives its consumer.

MRQ_TEST_RUNTIME names another implementation, as in test_runtime.py.
"""

from __future__ import annotations

import contextvars
import gc
import importlib
import itertools
import os
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from mrq.engine.subpools import Subpool
from mrq.exceptions import Interrupt, JobInterrupt, RetryInterrupt, TimeoutInterrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mrq.ports.runtime import Runtime

RUNTIMES = [os.environ.get("MRQ_TEST_RUNTIME", "mrq.engine.threads:ThreadRuntime")]
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    module, _, name = request.param.partition(":")
    made: Runtime = getattr(importlib.import_module(module), name)()
    return made


class Crowd:
    """How many calls are inside at the same time, and how many were at most."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self.inside = self.most = self.calls = self.interrupted = 0

    def visit(self, wait: Callable[[], object]) -> None:
        with self._lock:
            self.calls += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            wait()
        except Interrupt:
            with self._lock:
                self.interrupted += 1
            raise
        finally:
            with self._lock:
                self.inside -= 1


@pytest.fixture
def crowd(runtime: Runtime) -> Crowd:
    return Crowd(runtime)


def forever(runtime: Runtime) -> None:
    while True:
        runtime.sleep(0.001)


def wait_for(runtime: Runtime, condition: Callable[[], object]) -> None:
    for _ in range(10_000):
        if condition():
            return
        runtime.sleep(0.001)
    raise AssertionError("it never came true")


def pool(
    runtime: Runtime, size: int, function: Callable[[Any], Any], items: Iterable[Any], **how: Any
) -> Iterator[Any]:
    return Subpool(runtime, size, function, items, **how).results()


@pytest.mark.parametrize("size", [1, 2, 7, 500])
def test_results_are_in_the_order_of_the_items(runtime: Runtime, size: int) -> None:
    def later_is_quicker(n: int) -> int:
        runtime.sleep(0.002 if n % 3 == 0 else 0)
        return n * n

    assert list(pool(runtime, size, later_is_quicker, range(50))) == [n * n for n in range(50)]


@pytest.mark.parametrize("ordered", [True, False])
def test_no_items_give_no_results(runtime: Runtime, ordered: bool) -> None:
    assert list(pool(runtime, 3, str, [], ordered=ordered)) == []


def test_unordered_results_come_as_they_are_ready(runtime: Runtime) -> None:
    second_done = runtime.event()

    def run(n: int) -> int:
        if n == 0:
            assert second_done.wait(10)
        return n

    results = pool(runtime, 2, run, range(2), ordered=False)
    assert next(results) == 1
    second_done.set()
    assert list(results) == [0]


def test_at_most_so_many_run_at_once(runtime: Runtime, crowd: Crowd) -> None:
    def run(_: int) -> None:
        crowd.visit(lambda: runtime.sleep(0.002))

    assert len(list(pool(runtime, 4, run, range(40)))) == 40
    assert 2 <= crowd.most <= 4
    assert crowd.calls == 40


def test_no_more_fibers_than_items(runtime: Runtime) -> None:
    subpool = Subpool(runtime, 1000, str, range(3))
    assert list(subpool.results()) == ["0", "1", "2"]
    assert len(subpool._fibers) <= 4


def test_items_that_never_wait_let_others_run(runtime: Runtime) -> None:
    done: list[int] = []
    turns: list[int] = []
    stop = runtime.event()

    def other() -> None:
        while not stop.is_set():
            turns.append(len(done))
            runtime.sleep(0)

    fiber = runtime.spawn(other)
    wait_for(runtime, lambda: turns)
    list(pool(runtime, 1, done.append, range(2000)))
    stop.set()
    assert fiber.join(10)
    assert any(0 < seen < 2000 for seen in turns)


@pytest.mark.parametrize("ordered", [True, False])
def test_no_item_is_begun_after_one_has_failed(runtime: Runtime, ordered: bool) -> None:
    begun: list[int] = []

    def run(n: int) -> None:
        begun.append(n)
        if n:
            raise ValueError

    subpool = Subpool(runtime, 1, run, itertools.count(), ordered=ordered)
    results = subpool.results()
    next(results)
    wait_for(runtime, lambda: not subpool.fibers)  # while the consumer does something else
    with pytest.raises(ValueError):
        next(results)
    assert begun == [0, 1]


def test_items_and_iterable_see_the_context_of_the_consumer_and_share_no_changes(runtime: Runtime) -> None:
    def items() -> Iterator[str]:
        yield variable.get()
        variable.set("set by the iterable")
        yield variable.get()

    def run(item: str) -> tuple[str, str]:
        seen = variable.get()
        variable.set("set by an item")
        return item, seen

    token = variable.set("the consumer's")
    try:
        results = list(pool(runtime, 2, run, items()))
        assert variable.get() == "the consumer's"
    finally:
        variable.reset(token)
    assert results == [("the consumer's", "the consumer's"), ("set by the iterable", "the consumer's")]


@pytest.mark.parametrize("ordered", [True, False])
def test_what_an_item_raises_reaches_the_consumer_with_the_place(runtime: Runtime, crowd: Crowd, ordered: bool) -> None:
    mine = ValueError("mine")

    def run(n: int) -> int:
        if n == 1:
            wait_for(runtime, lambda: crowd.inside == 2)
            raise mine  # the line of the item
        if n > 1:
            crowd.visit(lambda: forever(runtime))
        return n

    with pytest.raises(ValueError, match="mine") as caught:
        list(pool(runtime, 4, run, range(4), ordered=ordered))
    assert caught.value is mine
    text = "".join(traceback.format_exception(mine))
    assert "the line of the item" in text
    assert "list(pool(" in text
    assert (crowd.inside, crowd.interrupted) == (0, 2)


def test_results_before_a_failure_are_delivered_first(runtime: Runtime) -> None:
    def run(n: int) -> int:
        return 10 // (3 - n)

    results = pool(runtime, 2, run, range(100))
    assert [next(results), next(results), next(results)] == [3, 5, 10]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize("ordered", [True, False])
def test_what_the_iterable_raises_reaches_the_consumer(runtime: Runtime, ordered: bool) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise LookupError("of the iterable")

    got = []
    with pytest.raises(LookupError, match="of the iterable"):
        for result in pool(runtime, 10, str, items(), ordered=ordered):
            got.append(result)  # noqa: PERF402
    if ordered:
        assert got == ["0", "1", "2", "3", "4"]


def test_interrupts_that_an_item_raises_are_the_consumers(runtime: Runtime) -> None:
    def run(_: int) -> None:
        raise RetryInterrupt

    with pytest.raises(RetryInterrupt):
        list(pool(runtime, 2, run, range(3)))


def test_work_goes_on_while_the_consumer_is_busy(runtime: Runtime) -> None:
    done: list[int] = []
    results = pool(runtime, 2, done.append, range(20))
    next(results)
    wait_for(runtime, lambda: len(done) == 20)
    assert len(list(results)) == 19


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("size", [1, 2, 9])
def test_items_are_taken_only_so_far_ahead(runtime: Runtime, ordered: bool, size: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in itertools.count():
            taken.append(n)
            yield n

    results = pool(runtime, size, str, items(), ordered=ordered, ahead=3)
    for consumed in range(1, 12):
        next(results)
        runtime.sleep(0.002)
        assert len(taken) <= consumed + 3
    results.close()  # type: ignore[attr-defined]


def test_a_consumer_that_stops_early_ends_all(runtime: Runtime, crowd: Crowd) -> None:
    def run(n: int) -> int:
        if n:
            crowd.visit(lambda: forever(runtime))
        return n

    for result in pool(runtime, 5, run, itertools.count()):
        assert result == 0
        wait_for(runtime, lambda: crowd.inside >= 4)
        break
    gc.collect()
    assert crowd.inside == 0
    assert crowd.interrupted == crowd.calls >= 4


def in_a_fiber(runtime: Runtime, consume: Callable[[], None]) -> tuple[Any, list[BaseException]]:
    ended: list[BaseException] = []

    def run() -> None:
        try:
            consume()
        except BaseException as error:
            ended.append(error)
            raise

    return runtime.spawn(run), ended


@pytest.mark.parametrize("kind", [TimeoutInterrupt, JobInterrupt])
def test_an_interrupted_consumer_takes_all_with_it(runtime: Runtime, crowd: Crowd, kind: type[Interrupt]) -> None:
    felt: list[type] = []

    def run(_: int) -> None:
        try:
            crowd.visit(lambda: forever(runtime))
        except Interrupt as error:
            felt.append(type(error))
            raise

    fiber, ended = in_a_fiber(runtime, lambda: list(pool(runtime, 3, run, range(10))))
    wait_for(runtime, lambda: crowd.inside == 3)
    fiber.interrupt(kind())
    assert fiber.join(10)
    assert [type(error) for error in ended] == [kind]
    assert felt == [kind] * 3
    assert crowd.inside == 0


def test_sub_pools_of_sub_pools_end_too(runtime: Runtime, crowd: Crowd) -> None:
    def inner(_: int) -> None:
        crowd.visit(lambda: forever(runtime))

    def outer(_: int) -> None:
        list(pool(runtime, 2, inner, range(2)))

    fiber, _ = in_a_fiber(runtime, lambda: list(pool(runtime, 2, outer, range(2))))
    wait_for(runtime, lambda: crowd.inside == 4)
    fiber.interrupt(JobInterrupt())
    assert fiber.join(10)
    assert (crowd.inside, crowd.interrupted) == (0, 4)


def test_an_item_that_swallows_interrupts_holds_the_consumer_until_it_ends(runtime: Runtime, crowd: Crowd) -> None:
    swallowed: list[BaseException] = []

    def run(_: int) -> None:
        while len(swallowed) < 2:
            try:
                crowd.visit(lambda: forever(runtime))
            except BaseException as error:
                swallowed.append(error)

    fiber, ended = in_a_fiber(runtime, lambda: list(pool(runtime, 1, run, range(10))))
    wait_for(runtime, lambda: crowd.inside == 1)
    fiber.interrupt(JobInterrupt())
    wait_for(runtime, lambda: len(swallowed) == 1)
    for _ in range(5):  # further ones must not let it leave its item behind
        fiber.interrupt(JobInterrupt())
        runtime.sleep(0.01)
    assert fiber.join(10)
    assert len(swallowed) == 2
    assert crowd.inside == 0
    assert [type(error) for error in ended] == [JobInterrupt]


def test_failures_leave_no_cycle_of_garbage(runtime: Runtime) -> None:
    class MineError(Exception):
        alive = 0

        def __init__(self) -> None:
            MineError.alive += 1

        def __del__(self) -> None:
            MineError.alive -= 1

    def run(_: int) -> None:
        raise MineError

    def consume() -> None:
        try:
            list(pool(runtime, 1, run, [0]))
        except MineError:
            return

    gc.collect()
    gc.disable()
    try:
        consume()
        wait_for(runtime, lambda: MineError.alive == 0)
    finally:
        gc.enable()
