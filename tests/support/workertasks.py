"""Tasks, and classes of workers, that tests of whole worker processes use."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path
from typing import Any

from mrq.context import get_current_job, get_current_worker, log
from mrq.job import Job
from mrq.task import Task
from mrq.worker import Worker


class Say(Task):
    """Logs a few lines."""

    def run(self, params: dict[str, Any]) -> Any:
        log.debug("at debug")
        log.info("adding", params)
        log.info("empty", {})
        log.warning("café %s", params.get("n"))
        time.sleep(params.get("sleep", 0))
        return params.get("n")


class Chatter(Task):
    """Logs line after line."""

    def run(self, params: dict[str, Any]) -> None:
        for n in range(params["lines"]):
            log.info("line %d", n)
            time.sleep(params["pause"])


class Nap(Task):
    """Sleeps for a while."""

    def run(self, params: dict[str, Any]) -> Any:
        time.sleep(params["seconds"])
        return os.getpid()


class NapAndQueue(Task):
    """Queues a job on a subqueue that nobody has heard of."""

    def run(self, params: dict[str, Any]) -> Any:
        from mrq.job import queue_job

        time.sleep(0.2)
        return str(queue_job("support.workertasks.Say", {"n": 1, "sleep": 0.3}, queue=params["queue"]))


class WhoAmI(Task):
    """What a job sees of its worker and of itself."""

    def run(self, _params: dict[str, Any]) -> Any:
        job, worker = get_current_job(), get_current_worker()
        assert job is not None
        return {
            "job": str(job.id),
            "worker": type(worker).__name__,
            "id": str(worker.id),
            "status": worker.status,
            "pool": [worker.pool_size, len(worker.gevent_pool), worker.gevent_pool.free_count()],
            "queues": [queue.id for queue in worker.queues],
            "config": worker.config["greenlets"],
        }


class Finds(Task):
    """Whether it finds itself, in a job of its worker's class; ends as it is told."""

    def run(self, params: dict[str, Any]) -> Any:
        job = get_current_job()
        assert job is not None
        if params.get("raises"):
            raise KeyError("meant")
        if params.get("retries"):
            job.retry(delay=3600, queue="later")
        return [job.task is self, type(job).__name__]


class MyJob(Job):
    """Its own class, that notes what it sees around its run."""

    def perform(self) -> Any:
        try:
            return super().perform()
        finally:
            if "note" in self.data["params"]:  # type: ignore[index]
                note(f"job: {outcome(self)}")


class Careless(Job):
    """Forgets to run itself, or hides what its task raised."""

    def perform(self) -> Any:
        if self.data is not None and self.data["params"].get("hides"):
            with contextlib.suppress(KeyError):
                super().perform()


def outcome(job: Job) -> list[Any]:
    """What a job's data say of its end."""
    return [(job.data or {}).get(name) for name in ("status", "result", "exceptiontype", "queue")]


class MyWorker(Worker):
    """Notes each job before and after, and what it got."""

    job_class = MyJob

    def perform_job(self, job: Job) -> None:
        note(f"before {type(job).__name__} {job.data['params'].get('n')}")  # type: ignore[index]
        super().perform_job(job)
        note(f"after {job.data['params'].get('n')}")  # type: ignore[index]
        if "note" in job.data["params"]:  # type: ignore[index]
            note(f"worker: {outcome(job)}")
        if job.data["params"].get("n") == "bad":  # type: ignore[index]
            raise ValueError("raised in perform_job")


class CarelessWorker(Worker):
    """Its jobs are."""

    job_class = Careless


class Lazy(Worker):
    """Forgets to run jobs."""

    def perform_job(self, job: Job) -> None:
        pass


class FileHandler(logging.Handler):
    """A log handler of one's own."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def emit(self, record: logging.LogRecord) -> None:
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(self.format(record) + "\n")


def note(text: str) -> None:
    """A line in a file beside the worker."""
    with Path("notes").open("a", encoding="utf-8") as file:
        file.write(text + "\n")


class TracksGreenlets(Task):
    """Whether gevent notes where each greenlet was spawned."""

    def run(self, _params: dict[str, Any]) -> Any:
        import gevent

        return bool(gevent.spawn(int).spawning_stack)
