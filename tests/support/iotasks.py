"""Tasks that do I/O, and the hooks that hear of it."""

from __future__ import annotations

import socket
import urllib.request
from typing import Any

from mrq.context import connections, get_current_job
from mrq.task import Task

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
