"""What the benchmarked workers run."""

from __future__ import annotations

import time

from mrq.task import task


@task
def hold(seconds: float) -> None:
    """Be in flight for a while."""
    time.sleep(seconds)


@task(burst_limit=1)
def nap(number: int, address: str) -> int:
    """Wait for a server that takes 50 ms."""
    time.sleep(0.05)
    return number


@task(burst_limit=1)
def noop(number: int, address: str) -> int:
    """Do nothing, and have a result to store."""
    return number
