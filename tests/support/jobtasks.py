"""Tasks for tests of jobs in real workers."""

from __future__ import annotations

import threading
import time

from mrq.context import abort_current_job, get_current_job, retry_current_job, set_current_job_progress
from mrq.job import Job
from mrq.task import task


@task
def killed(reason: str) -> None:
    """Somebody else in this process kills it."""
    job = get_current_job()
    assert job is not None
    threading.Thread(target=Job(job.id).kill, kwargs={"reason": reason}, daemon=True).start()
    while True:
        time.sleep(0.01)


@task
def gives_up(how: str) -> None:
    """Ends itself while it handles an error."""
    try:
        raise LookupError("InTheTask")
    except LookupError:
        if how == "abort":
            abort_current_job()
        retry_current_job(delay=0.1 if how == "retry" else 60, max_retries=0 if how == "never" else 2)


@task
def shows_progress() -> None:
    """Says how far it is, and ends well."""
    set_current_job_progress(0.5, save=True)
    job = get_current_job()
    assert job is not None
    assert (Job(job.id).fetch().data or {})["progress"] == 0.5
