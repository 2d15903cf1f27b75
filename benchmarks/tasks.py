"""What the benchmarked workers run."""

from __future__ import annotations

import time

from mrq.task import task


@task
def hold(seconds: float) -> None:
    """Be in flight for a while."""
    time.sleep(seconds)


@task
def noop(number: int, address: str) -> int:
    """Do nothing, and have a result to store."""
    return number
