"""The accounts of I/O, and patching."""

from __future__ import annotations

import http.client
import socket
from types import FunctionType, SimpleNamespace
from typing import Any

import gevent
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.cursor import Cursor
from redis.client import Pipeline, Redis

from mrq.app_tracing import IoTracing
from mrq.domain.options import TaskOptions
from mrq.engine.iotrace import IoHooks, IoTrace, waits_of
from mrq.engine.patching import Patches
from mrq.engine.run import Run, current_run
from mrq.engine.sockets import add_latency, latency_of
from mrq.stores.driver_tracing import COLLECTION_METHODS
from mrq.testing import memory_app
from unit.engine.kit import ManualClock, claimed


@pytest.fixture
def run() -> Any:
    run = Run(claimed(), TaskOptions())
    token = current_run.set(run)
    yield run
    current_run.reset(token)


def test_only_the_outermost_call_counts(run: Run) -> None:
    trace = IoTrace(ManualClock())

    def inner() -> Any:
        assert waits_of(run)["type"] == "mongodb.find"  # type: ignore[index]
        return trace.call("socket.recv", "", lambda: waits_of(run))

    assert trace.call("mongodb.find", "db.coll", inner) == {
        "type": "mongodb.find", "data": "db.coll", "started": ManualClock().now(),
    }  # fmt: skip
    assert list(trace.kinds) == ["mongodb.find"]
    assert waits_of(run) is None


def test_what_a_call_raises_is_counted_and_raised(run: Run) -> None:
    trace = IoTrace(ManualClock())
    with pytest.raises(ZeroDivisionError):
        trace.call("dns", "", lambda: 1 / 0)
    assert list(trace.tasks) == [run.job.path]
    assert run.waits == []


def test_what_is_no_jobs_is_not_counted() -> None:
    trace = IoTrace(ManualClock())
    assert trace.call("dns", "", lambda: 7) == 7
    assert trace.report() == {"types": [], "tasks": [], "total": 0.0}


def test_a_hook_whose_own_time_out_passes_fails_no_call(run: Run) -> None:
    def hook(event: Any) -> None:
        raise gevent.Timeout(1)

    hooks = IoHooks(lambda: hook, lambda: hook, lambda: None)
    assert IoTrace(ManualClock()).call("dns", "", lambda: 7, hooks, {}) == 7
    assert run.waits == []


class Base:
    def ask(self, n: int) -> int:
        return n


class Derived(Base):
    def own(self) -> str:
        return "own"


def test_patches_are_taken_away_without_a_trace() -> None:
    patches = Patches()
    before = dict(vars(Derived))
    patches.around(
        Derived, ("ask", "own", "is_not_there"), lambda original, name, args, kwargs: (name, original(*args))
    )
    assert (Derived().ask(3), Derived().own(), Base().ask(3)) == (("ask", 3), ("own", "own"), 3)
    patches.undo()
    assert dict(vars(Derived)) == before
    assert Derived().ask(3) == 3


def functions() -> dict[str, Any]:
    """All that I/O may be traced by."""
    owners = (
        socket, socket.socket, http.client.HTTPConnection, urllib3.connection.HTTPConnection,
        urllib3.HTTPConnectionPool, Collection, Cursor, MongoClient, Redis, Pipeline,
    )  # fmt: skip
    found = {f"{owner.__name__}.{name}": value for owner in owners for name, value in vars(owner).items()}
    return {name: value for name, value in found.items() if isinstance(value, FunctionType)}


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({}, set()),
        ({"add_network_latency": "0.001"}, {"socket.connect", "socket.send", "socket.sendall"}),
        ({"print_mongodb": True}, {f"Collection.{name}" for name in COLLECTION_METHODS} | {"Cursor._refresh"}),
    ],
)
def test_only_what_the_switches_ask_for_is_patched(settings: dict[str, Any], changed: set[str]) -> None:
    with memory_app(**settings) as app:
        before = functions()
        tracing = IoTracing(app, lambda: None)
        tracing.install()
        during = functions()
        tracing.remove()
        assert {name for name in during if during[name] is not before.get(name)} == changed
        after = functions()
        assert after.keys() == before.keys()
        assert all(after[name] is before[name] for name in before)


@pytest.mark.parametrize(("text", "found"), [("0", (0, 0)), ("0.5", (0.5, 0.5)), ("0.01-0.1", (0.01, 0.1))])
def test_latencies(text: str, found: tuple[float, float]) -> None:
    assert latency_of(text) == found


def test_each_connection_and_each_message_waits_for_the_added_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("mrq.engine.sockets.time", SimpleNamespace(sleep=slept.append))
    patches = Patches()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        add_latency((0.25, 0.5), patches)
        try:
            client.connect(server.getsockname())
            client.sendall(b"one")
            client.send(b"two")
        finally:
            patches.undo()
        client.sendall(b"three")
    assert len(slept) == 3
    assert all(0.25 <= seconds <= 0.5 for seconds in slept)


@given(st.one_of(st.just("a"), st.just("-1"), st.just("2-1"), st.just("61"), st.just("1-"), st.just("nan")))
def test_what_is_no_latency(text: str) -> None:
    with pytest.raises(ValueError, match="is no latency"):
        latency_of(text)
