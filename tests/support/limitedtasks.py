"""Tasks with limits, that note in a ledger what they really did."""

from __future__ import annotations

import os
import time

from mrq.engine.permits import Permits
from mrq.task import task
from support.ledger import Ledger

NO_RELEASE = "FAULTS_NO_RELEASE"
"""In a worker's environment: it dies, so to say, between the end of a job and the release of its permit."""

if os.environ.get(NO_RELEASE):
    Permits._leave = lambda self, permits: None  # type: ignore[method-assign]


@task(max_concurrency=3, on_limit="wait")
def at_most_three(key: str, seconds: float) -> None:
    with Ledger.of_environment().run(key):
        time.sleep(seconds)


@task(max_concurrency=3, on_limit="wait")
def three_that_hold_once(key: str, seconds: float) -> None:
    """Only the first run of a key lasts."""
    ledger = Ledger.of_environment()
    again = bool(ledger.runs_of(key))
    with ledger.run(key):
        time.sleep(0 if again else seconds)


@task(max_concurrency=3)
def three_or_end(key: str, seconds: float) -> None:
    with Ledger.of_environment().run(key):
        time.sleep(seconds)


@task(max_concurrency=1, on_limit="wait")
def one_burning(key: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    with Ledger.of_environment().run(key):
        while time.monotonic() < until:
            pass


@task(max_concurrency=1, on_limit="wait")
def one(key: str, seconds: float = 0.0) -> None:
    with Ledger.of_environment().run(key):
        time.sleep(seconds)


@task(rate="20/s")
def twenty_a_second(key: str) -> None:
    with Ledger.of_environment().run(key):
        pass
