"""Tasks for the tests of the dashboard."""

from __future__ import annotations

import time

from mrq.context import get_current_job, log
from mrq.task import Task, task


@task
def add(a: int, b: int = 2, *, label: str | None = None) -> int:
    """Adds two numbers."""
    log.warning("adding %s and %s", a, b)
    return a + b


@task(queue="crawl/eu", retries=0)
def fails(url: str) -> None:
    """Fails, and says why."""
    raise ValueError(f"no price node in {url}")


@task
def waits(seconds: float) -> str:
    """Waits."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.05)
    job = get_current_job()
    return str(job.id if job else None)


class Old(Task):
    """A task of MRQ 0.9."""

    def run(self, params: dict[str, int]) -> int:
        """Sums up."""
        return sum(params.values())
