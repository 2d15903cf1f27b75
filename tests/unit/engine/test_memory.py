"""max_memory: a graceful end with a successor, but never before a job was taken."""

from __future__ import annotations

import threading

import pytest

from mrq.engine.memory import MB, MemoryWatch
from mrq.engine.shutdown import StopFlags


class Process:
    used = 0
    taken = 0


@pytest.fixture
def stop() -> StopFlags:
    return StopFlags(threading.Event())


def watch_of(stop: StopFlags) -> MemoryWatch:
    return MemoryWatch(100, lambda: Process.used, lambda: Process.taken, stop)


def test_a_worker_under_its_limit_goes_on(stop: StopFlags) -> None:
    Process.used, Process.taken = 100 * MB, 5
    watch_of(stop).look()
    assert not stop.graceful


def test_one_over_its_limit_ends_gracefully_and_wants_a_successor(stop: StopFlags) -> None:
    Process.used, Process.taken = 101 * MB, 1
    watch_of(stop).look()
    assert (stop.graceful, stop.now, stop.replace, stop.exit_code) == (True, False, True, 0)
    assert "max_memory" in stop.reason


def test_one_that_has_taken_nothing_stays_and_says_so_once(stop: StopFlags, caplog: pytest.LogCaptureFixture) -> None:
    Process.used, Process.taken = 500 * MB, 0
    watch = watch_of(stop)
    watch.look()
    watch.look()
    assert not stop.graceful
    assert caplog.text.count("over its limit") == 1
    Process.taken = 1
    watch.look()
    assert stop.graceful
