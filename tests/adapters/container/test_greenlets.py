"""The greenlet tracer, with a clock to turn by hand."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import greenlet
import pytest

from mrq_container.greenlets import LOOK_EVERY, GreenletTrace, GreenletTracer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cpu() -> Clock:
    return Clock()


@pytest.fixture
def tracer(clock: Clock, cpu: Clock) -> Iterator[GreenletTracer]:
    tracer = GreenletTracer(clock, cpu)
    tracer._thread = threading.get_ident()
    before = greenlet.settrace(tracer._switched)
    yield tracer
    greenlet.settrace(before)


def run(function: Callable[[], None]) -> greenlet.greenlet:
    made = greenlet.greenlet(function)
    made.switch()
    return made


def test_only_the_time_between_switches_in_and_out_counts(tracer: GreenletTracer, clock: Clock, cpu: Clock) -> None:
    main, trace = greenlet.getcurrent(), tracer.trace()

    def work() -> None:
        trace.enter()
        cpu.now += 1
        main.switch()
        clock.now += 5
        cpu.now += 2
        trace.leave()
        clock.now += 50
        cpu.now += 40

    job = run(work)
    clock.now += 30
    cpu.now += 20
    assert trace.usage().time == 1
    job.switch()
    usage = trace.usage()
    assert (usage.time, usage.switches, usage.longest) == (3, 2, 5)
    assert not tracer._traces


def test_who_waits_without_yielding_uses_no_processor_and_keeps_others_waiting_all_the_same(
    tracer: GreenletTracer, clock: Clock, cpu: Clock
) -> None:
    waiting, computing = tracer.trace(), tracer.trace()

    def work(trace: GreenletTrace, computed: float) -> None:
        trace.enter()
        clock.now += 3
        cpu.now += computed
        trace.leave()

    run(lambda: work(waiting, 0))
    run(lambda: work(computing, 3))
    assert (waiting.usage().time, waiting.usage().longest) == (0, 3)
    assert (computing.usage().time, computing.usage().longest) == (3, 3)


def test_a_greenlet_that_never_entered_or_has_left_counts_for_nobody(tracer: GreenletTracer, cpu: Clock) -> None:
    trace = tracer.trace()
    trace.leave()
    run(lambda: setattr(cpu, "now", cpu.now + 5))
    assert trace.usage().time == 0


def test_where_a_job_is_that_does_not_switch_is_seen_while_it_is_there(tracer: GreenletTracer, clock: Clock) -> None:
    trace = tracer.trace()

    def hog() -> None:
        clock.now += 1
        tracer.look()  # the thread beside it would do this

    def work() -> None:
        trace.enter()
        hog()
        trace.leave()

    run(work)
    assert "in hog" in trace.usage().where


def test_a_look_that_came_too_early_or_never_leaves_the_place_of_the_switch(
    tracer: GreenletTracer, clock: Clock
) -> None:
    main, trace = greenlet.getcurrent(), tracer.trace()

    def work() -> None:
        trace.enter()
        clock.now += LOOK_EVERY / 2
        tracer.look()
        clock.now += 1
        main.switch()
        trace.leave()

    job = run(work)
    assert tracer._seen == (0.0, [])
    assert "in work" in trace.usage().where
    job.switch()


def test_short_stretches_have_no_place(tracer: GreenletTracer, clock: Clock) -> None:
    trace = tracer.trace()

    def work() -> None:
        trace.enter()
        clock.now += LOOK_EVERY / 2
        trace.leave()

    run(work)
    assert trace.usage().where == ""


def test_who_traced_before_goes_on_being_told(clock: Clock) -> None:
    told: list[str] = []
    before = greenlet.settrace(lambda event, _args: told.append(event))
    tracer = GreenletTracer(clock)
    try:
        tracer.install()
        run(lambda: None)
        assert "switch" in told
        tracer.remove()
        told.clear()
        run(lambda: None)
        assert told
    finally:
        greenlet.settrace(before)
