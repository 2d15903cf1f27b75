"""Tasks that are slow, stubborn or deadly, and that note in a ledger what they really did."""

from __future__ import annotations

import atexit
import math
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mrq.task import task
from support.ledger import Ledger


def told(key: str) -> dict[str, Any]:
    """A result that says who made it."""
    return {"key": key, "pid": os.getpid()}


@task
def work(key: str, seconds: float = 0.0) -> dict[str, Any]:
    """Wait for a while, as jobs do that ask a server."""
    with Ledger.of_environment().run(key):
        time.sleep(seconds)
    return told(key)


@task
def wait_for(key: str, file: str) -> None:
    """Wait until there is such a file."""
    with Ledger.of_environment().run(key):
        while not Path(file).exists():
            time.sleep(0.02)


@task
def fail(key: str) -> None:
    """End badly."""
    with Ledger.of_environment().run(key):
        raise ValueError(key)


@task
def endless_at_first(key: str) -> dict[str, Any]:
    """Waits for ever, unless it was started before: then it is done at once."""
    ledger = Ledger.of_environment()
    again = bool(ledger.runs_of(key))
    with ledger.run(key):
        time.sleep(0 if again else 600)
    return told(key)


@task
def swallow_at_first(key: str) -> dict[str, Any]:
    """Catches whatever is thrown at it, unless it was started before."""
    ledger = Ledger.of_environment()
    again = bool(ledger.runs_of(key))
    with ledger.run(key):
        while not again:
            try:
                time.sleep(600)
            except BaseException:
                continue
    return told(key)


@task
def die(key: str) -> None:
    """End the whole process, with no goodbye."""
    with Ledger.of_environment().run(key):
        pass
    os._exit(7)


@task
def leave_something_running(key: str, what: str) -> dict[str, Any]:
    """Ends well, and leaves something behind that has no end."""

    def endless() -> None:
        while True:
            time.sleep(0.1)

    with Ledger.of_environment().run(key):
        if what == "a pool of threads":
            ThreadPoolExecutor(1).submit(endless)
        elif what == "a thread":
            threading.Thread(target=endless).start()
        else:
            atexit.register(endless)
    return told(key)


@task
def hold_the_gil_with_a_regex(key: str, seconds: float) -> dict[str, Any]:
    """A catastrophic regular expression, long enough for this machine: no other thread of the process runs."""

    def match(length: int) -> float:
        """The processor time of one match: what else the machine does must not make the last one short."""
        began = time.thread_time()
        re.match(r"(a+)+$", "a" * length + "b")
        return time.thread_time() - began

    length = 15
    with Ledger.of_environment().run(key):
        while (took := min(match(length) for _ in range(3))) < 0.1:  # each further character doubles the time
            length += 1
        match(length + math.ceil(math.log2(seconds / took)))
    return told(key)


@task(timeout=1)
def sleep_too_long(key: str) -> None:
    """Waits, so that an interruption reaches it."""
    with Ledger.of_environment().run(key):
        time.sleep(600)


@task(timeout=1)
def swallow_everything(key: str) -> None:
    """Catches whatever is thrown at it and goes on."""
    with Ledger.of_environment().run(key):
        while True:
            try:
                time.sleep(600)
            except BaseException:
                continue


@task
def burn_for(key: str, seconds: float) -> dict[str, Any]:
    """Pure Python that doesn't yield for a while."""
    until = time.monotonic() + seconds
    with Ledger.of_environment().run(key):
        while time.monotonic() < until:
            pass
    return told(key)


@task(timeout=1)
def burn(key: str) -> None:
    """Pure Python that never yields."""
    with Ledger.of_environment().run(key):
        while True:
            pass


@task(timeout=1)
def hold_the_gil_in_native_code(key: str) -> None:
    """Runs in C alone: the GIL is held and no signal is looked at until the time is over."""
    with Ledger.of_environment().run(key):
        any(map((time.monotonic() + 600).__lt__, iter(time.monotonic, None)))
