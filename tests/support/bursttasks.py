"""Tasks for bursts, and handlers that are none of ours."""

from __future__ import annotations

import os
import re
import socket
import time
from typing import Any

from mrq.task import task
from support.faulttasks import told
from support.ledger import Ledger


@task(burst_limit=1)
def work(key: str, seconds: float = 0.0) -> dict[str, Any]:
    """Wait for a while."""
    until = time.monotonic() + seconds
    with Ledger.of_environment().run(key):
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))  # an interruption reaches a thread between two waits
    return told(key)


@task(burst_limit=1)
def spin(key: str, seconds: float) -> dict[str, Any]:
    """Pure Python that never waits."""
    until = time.monotonic() + seconds
    with Ledger.of_environment().run(key):
        while time.monotonic() < until:
            pass
    return told(key)


@task(burst_limit=1)
def hold_the_gil(key: str) -> dict[str, Any]:
    """The first run holds the interpreter for ever, inside native code."""
    ledger = Ledger.of_environment()
    again = bool(ledger.runs_of(key))
    with ledger.run(key):
        if not again:
            re.match(r"(a+)+$", "a" * 60 + "b")
    return told(key)


@task(burst_limit=1)
def receive(key: str, port: int) -> dict[str, Any]:
    """The first run waits for ever for a peer's answer, inside a system call."""
    ledger = Ledger.of_environment()
    again = bool(ledger.runs_of(key))
    with ledger.run(key):
        if not again:
            with socket.create_connection(("127.0.0.1", port)) as peer:
                peer.recv(100)
    return told(key)


@task
def undeclared(key: str) -> dict[str, Any]:
    """Nobody knows how long it takes."""
    with Ledger.of_environment().run(key):
        return told(key)


def large_answer(event: Any, context: Any) -> str:
    """A handler whose answer is too large for Lambda."""
    return "x" * (7 * 1024 * 1024)


def who(event: Any, context: Any) -> int:
    """A handler that says in which process it runs."""
    return os.getpid()
