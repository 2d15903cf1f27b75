"""What a task finds around it: its job, its configuration, its logger."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mrq.app import App, get_app, use_app
from mrq.config import get_config
from mrq.job import Job, current_job, queue_job, queue_jobs, queue_raw_jobs

if TYPE_CHECKING:
    from mrq.engine.loop import Worker

__all__ = [
    "abort_current_job",
    "get_config",
    "get_current_config",
    "get_current_job",
    "get_current_worker",
    "log",
    "queue_job",
    "queue_jobs",
    "queue_raw_jobs",
    "retry_current_job",
    "run_task",
    "set_current_config",
    "set_current_job_progress",
    "set_current_worker",
    "setup_context",
]

log = logging.getLogger("mrq.current")
"""The logger for tasks."""


def setup_context(**kwargs: Any) -> None:
    """Configure this process. The arguments are those of `get_config`.

    Not needed where mrq-config.py and the environment say it all: the first use of MRQ reads them.
    """
    set_current_config(get_config(**kwargs))


def set_current_config(config: dict[str, Any]) -> None:
    """Use this configuration from now on. Connections of the former one are left to its users."""
    use_app(App(config))


def get_current_config() -> dict[str, Any]:
    """The configuration of this process: a dict that all share."""
    return get_app().config


def get_current_job() -> Job | None:
    """The job that runs here, or None outside of one."""
    return current_job()


class _Process:
    """What belongs to the process rather than to a job."""

    worker: Worker | None = None


def get_current_worker() -> Worker | None:
    """The worker of this process, or None."""
    return _Process.worker


def set_current_worker(worker: Worker | None) -> None:
    """Say which worker this process runs."""
    _Process.worker = worker


def retry_current_job(delay: float | None = None, max_retries: int | None = None, queue: str | None = None) -> None:
    """End this run and have the job run again after `delay` seconds. Does nothing outside a job.

    Raises RetryInterrupt, or MaxRetriesInterrupt; both are for the worker.
    """
    job = get_current_job()
    if job is not None:
        job.retry(delay=delay, max_retries=max_retries, queue=queue)


def abort_current_job() -> None:
    """End this run for good, as `abort`. Does nothing outside a job. Raises AbortInterrupt for the worker."""
    job = get_current_job()
    if job is not None:
        job.abort()


def set_current_job_progress(ratio: float, save: bool = False) -> None:
    """Say how far the job is, from 0 to 1; `save`: store it at once. Does nothing outside a job."""
    job = get_current_job()
    if job is not None:
        job.set_progress(ratio, save=save)


def run_task(path: str, params: Any) -> Any:
    """Run a task here and now, without a job, and return what it returns. Raises UnknownTaskError."""
    return get_app().tasks.load(path)().run_wrapped(params)
