"""Run in a process of its own, patched by gevent: the contract of Runtime, for greenlets."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import contextvars  # noqa: E402

from mrq.exceptions import JobInterrupt  # noqa: E402
from mrq_container.runtime import GeventRuntime  # noqa: E402

runtime = GeventRuntime()
seen: list[object] = []


def a_fiber_runs_and_ends() -> None:
    fiber = runtime.spawn(seen.append, 1)
    assert fiber.join(5)
    assert fiber.ended
    assert seen == [1]


def a_waiting_fiber_feels_an_interruption_at_once() -> None:
    caught: list[str] = []

    def wait() -> None:
        try:
            runtime.event().wait(60)
        except JobInterrupt as interrupt:
            caught.append(str(interrupt))
            raise

    fiber = runtime.spawn(wait)
    runtime.sleep(0)
    assert any("wait" in frame.name for frame in fiber.stack())
    fiber.interrupt(JobInterrupt("enough"))
    assert fiber.join(5)
    assert caught == ["enough"]


def one_that_swallows_it_goes_on_and_can_be_interrupted_again() -> None:
    count: list[int] = []

    def swallow() -> None:
        while len(count) < 2:
            try:
                runtime.event().wait(60)
            except JobInterrupt:
                count.append(1)

    fiber = runtime.spawn(swallow)
    for expected in (1, 2):
        runtime.sleep(0)
        fiber.interrupt(JobInterrupt())
        fiber.join(0.05)
        assert len(count) == expected
    assert fiber.join(5)


def an_ended_fiber_does_not_mind_an_interruption() -> None:
    fiber = runtime.spawn(lambda: None)
    assert fiber.join(5)
    fiber.interrupt(JobInterrupt())
    assert fiber.ended
    assert list(fiber.stack()) == []


def a_fiber_starts_with_an_empty_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="empty")
    variable.set("mine")
    found: list[str] = []
    assert runtime.spawn(lambda: found.append(variable.get())).join(5)
    assert found == ["empty"]


def an_event_wakes_who_waits_for_it() -> None:
    event = runtime.event()
    assert not event.wait(0.01)
    runtime.spawn(event.set)
    assert event.wait(5)
    event.clear()
    assert not event.is_set()


CASES = [
    a_fiber_runs_and_ends,
    a_waiting_fiber_feels_an_interruption_at_once,
    one_that_swallows_it_goes_on_and_can_be_interrupted_again,
    an_ended_fiber_does_not_mind_an_interruption,
    a_fiber_starts_with_an_empty_context,
    an_event_wakes_who_waits_for_it,
]

if __name__ == "__main__":
    for case in CASES:
        case()
        print(case.__name__)
