"""Waits that end at the same moments."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.engine.instep import EARLY, STEPS, Steps
from mrq.engine.threads import ThreadRuntime


@dataclass
class Now:
    at: float

    def __call__(self) -> float:
        return self.at


@given(st.floats(0, 1e6), st.floats(0, 1), st.floats(0, 100) | st.integers(0, 200).map(lambda halves: halves / 2))
def test_a_wait_is_shortened_by_less_than_a_step_and_never_to_nothing(now: float, phase: float, timeout: float) -> None:
    shortened = Steps(Now(now), phase).shortened(timeout)
    step = next((step for step in STEPS if timeout >= step), 0.0)
    assert timeout - step <= shortened <= timeout + EARLY or shortened == timeout
    assert shortened > 0 or timeout == 0


def test_loops_with_whole_seconds_wake_together_from_their_first_wait_on() -> None:
    now = Now(1000.3)
    steps = Steps(now, phase=0.25)
    first_ends = now.at + steps.shortened(1.0)
    now.at = 1000.9
    assert now.at + steps.shortened(3.0) == pytest.approx(first_ends + 2)
    now.at = first_ends + 0.004  # what it did took a little
    assert now.at + steps.shortened(1.0) == pytest.approx(first_ends + 1)
    now.at = first_ends - 0.004  # a clock that rang a little too early
    assert now.at + steps.shortened(1.0) == pytest.approx(first_ends + 1)


@pytest.mark.parametrize("timeout", [0.2, 0.75, 1.3, 7.1])
def test_waits_that_are_not_whole_steps_are_left_as_they_are(timeout: float) -> None:
    assert Steps(Now(7.7), 0.0).shortened(timeout) == timeout


def test_half_seconds_keep_their_period() -> None:
    now = Now(3.3)
    steps = Steps(now, phase=0.0)
    now.at += steps.shortened(1.5)
    assert steps.shortened(1.5) == pytest.approx(1.5)


def test_an_event_waits_in_step_and_rings_at_once() -> None:
    event = Steps().event(ThreadRuntime().event())
    assert not event.wait(0.01)
    event.set()
    assert event.is_set()
    assert event.wait(None)
    event.clear()
    assert not event.is_set()
