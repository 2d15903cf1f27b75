"""Wake-ups from zero: who is called for jobs in a queue that nobody listens to, and how often."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from mrq.engine import waking
from mrq.engine.clock import SystemClock
from mrq.engine.enqueue import Enqueuer
from mrq.engine.waking import Waker, caller_of
from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.memory import MemoryJobStore, MemoryLocks, MemoryWakeups
from mrq.testing import memory_app
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.ports.locks import Locks

LONG, SHORT = 60.0, 0.1  # seconds


@dataclass
class Called:
    """What a waker calls. It may be held up, or fail."""

    calls: list[list[str]] = field(default_factory=list)
    error: Exception | None = None
    go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.go.set()

    def __call__(self, queues: list[str]) -> None:
        assert self.go.wait(30)
        self.calls.append(queues)
        if self.error is not None:
            raise self.error

    def waker(self, locks: Locks | None = None, interval: float = LONG) -> Waker:
        lock = locks or MemoryLocks()
        return Waker(self, lambda: lock, SystemClock(), interval)


def enqueuer(waker: Waker, wakeups: MemoryWakeups | None = None) -> Enqueuer:
    return Enqueuer(MemoryJobStore(), wakeups or MemoryWakeups(), SystemClock(), waker=waker)


def test_a_queue_without_a_listener_is_called_for_and_one_with_is_not() -> None:
    called, wakeups = Called(), MemoryWakeups()
    waker = called.waker()
    producer = enqueuer(waker, wakeups)
    ear = wakeups.subscribe(["heard"])
    producer.enqueue("t.T", [{}], "heard")
    producer.enqueue("t.T", [{}], "main/x")
    assert waker.wait(30)
    assert called.calls == [["main/"]]
    ear.close()
    producer.call_for(["heard", "main/y"])
    assert waker.wait(30)
    assert called.calls == [["main/"], ["heard"]]


def test_an_enqueue_does_not_wait_for_the_call() -> None:
    called = Called()
    called.go.clear()
    waker = called.waker()
    enqueuer(waker).enqueue("t.T", [{}], "q")
    assert not waker.wait(0.01)
    assert called.calls == []
    called.go.set()
    assert waker.wait(30)
    assert called.calls == [["q"]]


def test_within_the_interval_it_is_called_once_whoever_asks() -> None:
    called, other, locks = Called(), Called(), MemoryLocks()
    waker, elsewhere = called.waker(locks), other.waker(locks)
    for _ in range(3):
        waker.ask("q")
        assert waker.wait(30)
    elsewhere.ask("q")
    elsewhere.ask("p")
    assert elsewhere.wait(30)
    assert called.calls == [["q"]]
    assert [queue for queues in other.calls for queue in queues] == ["p"]


def test_what_is_asked_for_meanwhile_is_called_for_at_the_end_of_the_interval() -> None:
    called, other, locks = Called(), Called(), MemoryLocks()
    waker = called.waker(locks, SHORT)
    waker.ask("q")
    wait_until(lambda: bool(called.calls), 30, what="the first call")  # after the second wish it would do for both
    waker.ask("q")
    wait_until(lambda: len(called.calls) >= 2, 30, what="the second call")
    assert called.calls == [["q"], ["q"]]
    elsewhere = other.waker(locks, SHORT)  # it doesn't know that it was called for just now
    elsewhere.ask("q")
    wait_until(lambda: bool(other.calls), 30, what="the call of another process")


@pytest.mark.parametrize("error", [ConnectionError("no endpoint"), ConfigError("nothing is installed")])
def test_a_call_that_fails_costs_the_producer_nothing(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    called = Called(error=error)
    waker = called.waker()
    with caplog.at_level(logging.WARNING):
        assert len(enqueuer(waker).enqueue("t.T", [{}], "q")) == 1
        assert waker.wait(30)
    assert f"nobody can be woken for them: {error}" in caplog.text


def test_without_redis_it_is_called_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailableError("Redis is away")

    called, locks = Called(), MemoryLocks()
    monkeypatch.setattr(locks, "acquire", away)
    waker = called.waker(locks)
    waker.ask("q")
    assert waker.wait(30)
    assert called.calls == [["q"]]


def test_no_more_threads_or_an_interpreter_that_ends_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: object) -> None:
        raise RuntimeError("can't start new thread")

    waker = Called().waker()
    monkeypatch.setattr(threading.Thread, "start", none_left)
    waker.ask("q")
    waker.ask("q")


# ---- the setting


class Entry:
    """An entry point."""

    name = "here"
    made: list[str] = []  # noqa: RUF012

    def load(self) -> Any:
        def waker_of(target: str) -> Any:
            return lambda queues: self.made.append(f"{target}: {queues}")

        return waker_of


def installed(monkeypatch: pytest.MonkeyPatch) -> Entry:
    entry = Entry()
    entry.made = []

    def entry_points(group: str, name: str | None = None) -> list[Entry]:
        assert group == "mrq.wakers"
        return [entry] if name in (None, "here") else []

    monkeypatch.setattr(waking, "entry_points", entry_points)
    return entry


def test_the_setting_names_an_entry_point_and_what_it_is_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = installed(monkeypatch)
    caller_of("here:arn:aws:x")(["q"])
    assert entry.made == ["arn:aws:x: ['q']"]
    with pytest.raises(ConfigError, match=r"wake_up = 'there:x' should begin with one of here:"):
        caller_of("there:x")(["q"])


def test_it_is_off_unless_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = installed(monkeypatch)
    with memory_app() as app:
        assert app.enqueuer.waker is None
    with memory_app(wake_up="here:f") as app:
        app.enqueuer.enqueue("t.T", [{}], "q")
        assert app.enqueuer.waker is not None
        assert app.enqueuer.waker.wait(30)
    assert entry.made == ["f: ['q']"]
