"""Runtime: what runs side by side, and how it is ended.

MRQ_TEST_RUNTIME names another implementation ("module:Class"). Only what a Runtime offers is used here, so
that a process whose threads are greenlets can run these tests too.
"""

from __future__ import annotations

import contextvars
import importlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from mrq.exceptions import JobInterrupt, TimeoutInterrupt

if TYPE_CHECKING:
    from mrq.ports.runtime import Event, Runtime

RUNTIMES = [os.environ.get("MRQ_TEST_RUNTIME", "mrq.engine.threads:ThreadRuntime")]
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nothing")


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> Runtime:
    module, _, name = request.param.partition(":")
    made: Runtime = getattr(importlib.import_module(module), name)()
    return made


def spin(runtime: Runtime, started: Event) -> None:
    """Run until interrupted."""
    started.set()
    while True:
        runtime.sleep(0.001)


def test_a_fiber_runs_with_its_arguments_and_ends(runtime: Runtime) -> None:
    got: list[Any] = []
    fiber = runtime.spawn(lambda *args: got.append(args), 1, "two", name="x")
    assert fiber.join(10)
    assert fiber.ended
    assert got == [(1, "two")]


def test_fibers_run_beside_one_another(runtime: Runtime) -> None:
    first, second = runtime.event(), runtime.event()

    def one() -> None:
        first.set()
        assert second.wait(10)

    def two() -> None:
        assert first.wait(10)
        second.set()

    fibers = [runtime.spawn(one), runtime.spawn(two)]
    assert all(fiber.join(10) for fiber in fibers)


def test_a_join_gives_up_after_its_time(runtime: Runtime) -> None:
    stop = runtime.event()
    fiber = runtime.spawn(stop.wait, 30)
    assert not fiber.join(0.01)
    assert not fiber.join(0)
    assert not fiber.ended
    stop.set()
    assert fiber.join()


def test_a_fiber_starts_in_a_fresh_context(runtime: Runtime) -> None:
    seen: list[str] = []
    token = variable.set("the caller's")
    try:
        runtime.spawn(lambda: seen.append(variable.get())).join(10)
    finally:
        variable.reset(token)
    assert seen == ["nothing"]


def test_what_a_fiber_sets_is_its_own(runtime: Runtime) -> None:
    runtime.spawn(lambda: variable.set("the fiber's")).join(10)
    assert variable.get() == "nothing"


@pytest.mark.parametrize("kind", [TimeoutInterrupt, JobInterrupt])
def test_an_interruption_is_raised_where_the_fiber_runs(runtime: Runtime, kind: type[BaseException]) -> None:
    caught: list[BaseException] = []
    started = runtime.event()

    def run() -> None:
        try:
            spin(runtime, started)
        except BaseException as error:
            caught.append(error)

    fiber = runtime.spawn(run)
    assert started.wait(10)
    fiber.interrupt(kind())
    assert fiber.join(10)
    assert [type(error) for error in caught] == [kind]


def test_a_fiber_is_known_before_it_runs(runtime: Runtime) -> None:
    known: list[Any] = []
    seen: list[list[Any]] = []
    ran = runtime.event()

    def run() -> None:
        seen.append(list(known))
        ran.set()

    def know(fiber: Any) -> None:
        ran.wait(0.05)  # if it ran already, it gets its chance to show it
        known.append(fiber)

    fiber = runtime.spawn(run, known=know)
    assert fiber.join(10)
    assert seen == [[fiber]]


def test_an_interruption_that_is_not_caught_ends_the_fiber_quietly(
    runtime: Runtime, capfd: pytest.CaptureFixture[str]
) -> None:
    started = runtime.event()
    fiber = runtime.spawn(spin, runtime, started)
    assert started.wait(10)
    fiber.interrupt(JobInterrupt())
    assert fiber.join(10)
    assert "Traceback" not in capfd.readouterr().err


def test_a_fiber_that_swallows_an_interruption_feels_the_next(runtime: Runtime) -> None:
    swallowed, started, again = runtime.event(), runtime.event(), runtime.event()

    def run() -> None:
        try:
            spin(runtime, started)
        except BaseException:
            swallowed.set()
        spin(runtime, again)

    fiber = runtime.spawn(run)
    assert started.wait(10)
    fiber.interrupt(TimeoutInterrupt())
    assert swallowed.wait(10)
    assert again.wait(10)
    assert not fiber.ended
    fiber.interrupt(TimeoutInterrupt())
    assert fiber.join(10)


def test_interrupting_what_has_ended_does_nothing(runtime: Runtime) -> None:
    fiber = runtime.spawn(int)
    assert fiber.join(10)
    fiber.interrupt(JobInterrupt())
    assert fiber.ended
    assert fiber.join(0)


def test_an_interruption_hits_its_fiber_alone(runtime: Runtime) -> None:
    started = [runtime.event(), runtime.event()]
    hit, other = (runtime.spawn(spin, runtime, event) for event in started)
    assert all(event.wait(10) for event in started)
    hit.interrupt(JobInterrupt())
    assert hit.join(10)
    assert not other.ended
    other.interrupt(JobInterrupt())
    assert other.join(10)


def test_the_stack_shows_where_a_fiber_is(runtime: Runtime) -> None:
    started, stop = runtime.event(), runtime.event()

    def somewhere_special() -> None:
        deeper()

    def deeper() -> None:
        started.set()
        stop.wait(30)

    fiber = runtime.spawn(somewhere_special)
    assert started.wait(10)
    names = [frame.name for frame in fiber.stack()]
    assert "somewhere_special" in names
    assert names.index("somewhere_special") < names.index("deeper")  # outermost first
    stop.set()
    assert fiber.join(10)
    assert list(fiber.stack()) == []


def test_a_join_that_is_interrupted_does_not_end_what_it_waits_for(runtime: Runtime) -> None:
    stop, joining = runtime.event(), runtime.event()
    fiber = runtime.spawn(lambda: spin_until(runtime, stop))

    def join() -> None:
        joining.set()
        while not fiber.join(0.01):
            pass

    other = runtime.spawn(join)
    assert joining.wait(10)
    other.interrupt(JobInterrupt())
    assert other.join(10)
    assert not fiber.ended
    stop.set()
    assert fiber.join(10)


def spin_until(runtime: Runtime, stop: Event) -> None:
    while not stop.is_set():
        runtime.sleep(0.001)


def test_fibers_are_told_by_an_identity_that_they_know_themselves(runtime: Runtime) -> None:
    own: list[int] = []
    stop = runtime.event()

    def run() -> None:
        own.append(runtime.current())
        stop.wait(30)

    fibers = [runtime.spawn(run), runtime.spawn(run)]
    for _ in range(5000):
        if len(own) == 2:
            break
        runtime.sleep(0.001)
    assert {fiber.ident for fiber in fibers} == set(own)
    assert len({*own, runtime.current()}) == 3
    stop.set()
    assert all(fiber.join(10) for fiber in fibers)


def test_an_event_is_set_waited_for_and_cleared(runtime: Runtime) -> None:
    event = runtime.event()
    assert not event.is_set()
    assert event.wait(0.01) is False
    event.set()
    assert event.is_set()
    assert event.wait() is True
    event.clear()
    assert not event.is_set()
    assert event.wait(0) is False


def test_an_event_wakes_everyone_who_waits(runtime: Runtime) -> None:
    event, woken = runtime.event(), []
    fibers = [runtime.spawn(lambda: woken.append(event.wait(30))) for _ in range(3)]
    event.set()
    assert all(fiber.join(10) for fiber in fibers)
    assert woken == [True] * 3


def test_sleeping_lets_others_run(runtime: Runtime) -> None:
    ran = runtime.event()
    fiber = runtime.spawn(ran.set)
    for _ in range(5000):
        if ran.is_set():
            break
        runtime.sleep(0.001)
    assert ran.is_set()
    assert fiber.join(10)


def test_sleeping_takes_at_least_its_time(runtime: Runtime) -> None:
    import time

    start = time.monotonic()
    runtime.sleep(0.02)
    assert time.monotonic() - start >= 0.0195


def test_many_fibers_all_end(runtime: Runtime) -> None:
    done: list[int] = []
    fibers = [runtime.spawn(done.append, n) for n in range(200)]
    assert all(fiber.join(10) for fiber in fibers)
    assert sorted(done) == list(range(200))
