"""Runtime: whether greenlets or threads are used again or not, no fiber notices the one before it.

For the same runtimes as test_runtime.py.
"""

from __future__ import annotations

import contextvars
import importlib
import os
import threading
from typing import TYPE_CHECKING

import pytest

from mrq.exceptions import JobInterrupt

if TYPE_CHECKING:
    from mrq.ports.runtime import Runtime

variable: contextvars.ContextVar[str] = contextvars.ContextVar("again", default="nothing")
ROUNDS = 5


@pytest.fixture
def runtime() -> Runtime:
    module, _, name = os.environ.get("MRQ_TEST_RUNTIME", "mrq.engine.threads:ThreadRuntime").partition(":")
    made: Runtime = getattr(importlib.import_module(module), name)()
    return made


def test_what_the_one_before_set_in_its_context_is_gone(runtime: Runtime) -> None:
    seen: list[str] = []

    def run() -> None:
        seen.append(variable.get())
        variable.set("set before")

    for _ in range(ROUNDS):
        assert runtime.spawn(run).join(10)
    assert seen == ["nothing"] * ROUNDS


def test_what_the_one_before_kept_in_a_local_is_gone(runtime: Runtime) -> None:
    local, seen = threading.local(), []

    def run() -> None:
        seen.append(getattr(local, "value", "nothing"))
        local.value = "kept before"

    for _ in range(ROUNDS):
        assert runtime.spawn(run).join(10)
    assert seen == ["nothing"] * ROUNDS


def test_an_interruption_that_comes_too_late_hits_nobody_else(runtime: Runtime) -> None:
    stop = runtime.event()
    late = runtime.spawn(int)
    assert late.join(10)
    others = [runtime.spawn(stop.wait, 30) for _ in range(ROUNDS)]
    runtime.sleep(0.01)
    late.interrupt(JobInterrupt())
    runtime.sleep(0.01)
    assert not any(other.ended for other in others)
    stop.set()
    assert all(other.join(10) for other in others)


def test_one_that_ends_before_it_can_be_interrupted_does_no_harm(
    runtime: Runtime, capfd: pytest.CaptureFixture[str]
) -> None:
    go = runtime.event()
    late = runtime.spawn(go.wait, 30)
    runtime.sleep(0.01)
    go.set()
    late.interrupt(JobInterrupt())
    assert late.join(10)
    runtime.sleep(0.01)
    assert "Traceback" not in capfd.readouterr().err


def test_the_next_one_starts_though_the_one_before_was_interrupted(runtime: Runtime) -> None:
    stop, ran = runtime.event(), []
    for number in range(ROUNDS):
        fiber = runtime.spawn(stop.wait, 30)
        runtime.sleep(0.01)
        fiber.interrupt(JobInterrupt())
        if not fiber.join(1):
            stop.set()  # a thread feels it once it is out of the wait
            assert fiber.join(10)
        assert runtime.spawn(ran.append, number).join(10)
    assert ran == list(range(ROUNDS))
