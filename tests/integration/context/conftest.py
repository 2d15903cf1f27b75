"""A folder with tasks and a config file, and workers that run in it as users start them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from mrq.job import Job, queue_job
from support.ledger import Ledger
from support.waiting import wait_until
from support.workers import WorkerProcess, environment_for

if TYPE_CHECKING:
    from pathlib import Path

    from mrq.app import App

StartWorker = Callable[..., WorkerProcess]
RunTask = Callable[..., dict[str, Any]]


@pytest.fixture
def start_worker(
    app: App, tmp_path: Path, mongodb_url: str, redis_url: str, redis_prefix: str
) -> Iterator[StartWorker]:
    """Start a worker on the test's own database, in `tmp_path`, and wait until it is ready."""
    started: list[WorkerProcess] = []
    ledger = tmp_path / "ledger"
    environment = environment_for(mongodb_url, redis_url, redis_prefix, ledger)

    def start(*arguments: str, **more: str) -> WorkerProcess:
        worker = WorkerProcess(
            "--max_latency", "0.1", *arguments, folder=tmp_path, ledger=Ledger(ledger), environment=environment | more
        )
        started.append(worker)
        return worker.wait_ready()

    yield start
    for worker in started:
        worker.close()
        print(worker.log)


@pytest.fixture
def run_task(app: App) -> RunTask:
    """Queue a task and wait until its job has ended; its document."""

    def run(path: str, timeout: float = 30, **params: Any) -> dict[str, Any]:
        job = Job(queue_job(path, params))
        return wait_until(lambda: _ended(job), timeout, what=f"the end of {path}")

    return run


def _ended(job: Job) -> dict[str, Any] | None:
    document = job.fetch().data
    return document if document and document["status"] not in ("queued", "started") else None
