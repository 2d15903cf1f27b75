"""Tasks that are traced."""

from __future__ import annotations

from typing import Any

from mrq.context import get_current_job, log, retry_current_job, subpool_map
from mrq.job import queue_job
from mrq.task import Task


class Works(Task):
    def run(self, params: Any) -> int:
        with span_here("inside of the task"):
            return int(params["n"])


def wait() -> None:
    """What `Waits` waits for: said by the test."""


class Waits(Task):
    def run(self, params: Any) -> None:
        with span_here("inside of the task"):
            wait()


class Quiet(Task):
    def run(self, params: Any) -> None:
        pass


class Fails(Task):
    def run(self, params: Any) -> None:
        raise ValueError(params.get("why", "no luck"))


class Queues(Task):
    def run(self, params: Any) -> None:
        queue_job(params["task"], {})


class Retries(Task):
    def run(self, params: Any) -> None:
        job = get_current_job()
        if job is not None and not (job.data or {}).get("retry_count"):
            retry_current_job(delay=0)


class InPool(Task):
    def run(self, params: Any) -> None:
        subpool_map(2, self.item, range(4))

    def item(self, number: int) -> None:
        with span_here("item"):
            log.info("item %d", number)


def span_here(name: str) -> Any:
    """A span by the tracer of the test: that of the app."""
    from mrq.app import get_app

    return get_app().spans._provider.get_tracer("a library").start_as_current_span(name)  # type: ignore[attr-defined]
