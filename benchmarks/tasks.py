"""What the benchmarked workers run."""

from __future__ import annotations

from mrq.task import task


@task
def noop(number: int, address: str) -> int:
    """Do nothing, and have a result to store."""
    return number
