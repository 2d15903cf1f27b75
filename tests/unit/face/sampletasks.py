"""Tasks at the top level of a module, as users write them."""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar

from mrq.context import get_current_job, retry_current_job, run_task
from mrq.task import Task, task


@task
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@task(queue="crawl", timeout=60, retries=2, retry_delay=5, result_ttl=7, exclusive=True)
def fetch(url: str, *, depth: int = 1, **headers: str) -> dict[str, Any]:
    return {"url": url, "depth": depth, "headers": headers}


@task
def fail(text: str) -> None:
    raise ValueError(text)


@task
def retry(delay: float = 60.0) -> None:
    retry_current_job(delay=delay, queue="later")


@task
def whoami() -> str:
    job = get_current_job()
    assert job is not None
    return str(job.id)


@task
def document_of_its_job() -> dict[str, Any]:
    job = get_current_job()
    assert job is not None
    return dict(job.data or {})


@task
def data_of_its_job() -> Any:
    job = get_current_job()
    assert job is not None
    return job.data


class FindsItself(Task):
    """Whether its job has this very instance, and which job that is."""

    def run(self, _params: Any) -> Any:
        job = get_current_job()
        assert job is not None
        JOBS.append(job)
        return [job.task is self, self.is_main_task]


JOBS: list[Any] = []


SLEEPING = threading.Event()


@task
def sleepy() -> None:
    SLEEPING.set()
    while True:
        time.sleep(0.01)


class Old(Task):
    """As in MRQ 0.9."""

    def run(self, params: Any) -> Any:
        if params.get("nested"):
            return [self.is_main_task, run_task(f"{__name__}.Old", {})]
        return self.is_main_task


class OnlyOne(Task):
    max_concurrency = 1
    mrq_options: ClassVar = {"retries": 2}


TRIES: dict[str, int] = {}


@task(retries=5, retry_delay=60, retry_jitter=0)
def third_time_lucky(key: str) -> int:
    TRIES[key] = TRIES.get(key, 0) + 1
    if TRIES[key] < 3:
        raise ValueError(TRIES[key])
    return TRIES[key]


class Echo(Task):
    """Returns what it was given."""

    def run(self, params: dict[str, Any]) -> Any:
        return params["payload"]
