"""Tasks that do I/O, and the hooks that hear of it."""

from __future__ import annotations

import os
import socket
import sys
import urllib.request
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

import greenlet
import pymongo.monitoring
import urllib3

import mrq
import mrq_container
from mrq.context import connections, get_current_job
from mrq.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = {"__main__", "mrq", "mrq_container", "support"}
EVENTS: list[dict[str, Any]] = []


def hook(event: dict[str, Any]) -> None:
    """Notes what a task may return later."""
    job = event["job"]
    EVENTS.append({
        "name": event.get("method") or event["command"],
        "on": event.get("collection", ""),
        "job": None if job is None else str(job.id),
        "after": "result" in event,
        "timed": event.get("time", -1.0) >= 0,
    })  # fmt: skip


def broken(_event: dict[str, Any]) -> None:
    """A hook that doesn't work."""
    raise RuntimeError("this hook is broken")


class Query(Task):
    """MongoDB and Redis."""

    def run(self, _params: dict[str, Any]) -> Any:
        me = str(get_current_job().id)
        tests = connections.mongodb_jobs.io_tests
        tests.insert_one({"a": 1})
        list(tests.find({"a": 1}))
        connections.redis.llen("io-test")
        return [event for event in EVENTS if event["job"] == me]


class Fetch(Task):
    """HTTP."""

    def run(self, params: dict[str, Any]) -> Any:
        with urllib.request.urlopen(params["url"]) as answer:
            return answer.status


class Import(Task):
    """HTTP, then MongoDB and Redis, then some work of its own."""

    def run(self, params: dict[str, Any]) -> Any:
        found = Fetch().run(params), len(Query().run(params))
        return found, sum(number * number for number in range(500_000))


class Resolve(Task):
    """Looks a name up."""

    def run(self, params: dict[str, Any]) -> Any:
        return len(socket.getaddrinfo(params["host"], 80))


class Listen(Task):
    """Waits at a socket until something comes."""

    def run(self, params: dict[str, Any]) -> Any:
        with socket.create_connection(("127.0.0.1", params["port"])) as connection:
            return connection.recv(10).decode()


class Everything(Task):
    """One call of each kind, HTTP by urllib3, on which requests is built."""

    def run(self, params: dict[str, Any]) -> Any:
        socket.gethostbyname("localhost")
        with socket.create_connection(("127.0.0.1", params["port"])) as connection:
            connection.recv(10)
        connections.redis.llen("io-test")
        connections.mongodb_jobs.io_tests.insert_one({"a": 1})
        with urllib3.PoolManager() as pool:
            return pool.request("GET", params["url"]).status


class Changed(Task):
    """What MRQ has changed in its process of what is not its own."""

    def run(self, _params: dict[str, Any]) -> Any:
        listeners = pymongo.monitoring._LISTENERS
        client = connections.mongodb_jobs.client
        return {
            "functions": sorted(led_through_mrq()),
            "tracer": repr(greenlet.gettrace()),
            "trace": repr(sys.gettrace()),
            "profile": repr(sys.getprofile()),
            "listeners": [repr(each) for group in listeners for each in group],
            "listeners of the client": [repr(each) for each in client.options.event_listeners],
            "spans": "mrq.telemetry" in sys.modules,
        }


def led_through_mrq() -> Iterator[str]:
    """The functions and methods of all other loaded modules whose code is MRQ's."""
    homes = tuple(f"{Path(each.__path__[0])}{os.sep}" for each in (mrq, mrq_container))
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or name.partition(".")[0] in OURS:
            continue
        classes = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == name]
        for owner in (module, *classes):
            for attribute, value in list(vars(owner).items()):
                code = getattr(value, "__code__", None)
                if isinstance(code, CodeType) and code.co_filename.startswith(homes):
                    yield f"{name}.{attribute}" if owner is module else f"{name}.{owner.__name__}.{attribute}"
