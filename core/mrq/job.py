"""Queue jobs, and look after those that are queued."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.domain.logplaces import LogPlace
from mrq.domain.queuename import waiting_place
from mrq.domain.retry import seconds
from mrq.domain.status import FINAL, Status
from mrq.engine.run import Process, Run, current_run
from mrq.exceptions import (
    AbortInterrupt,
    JobNotFoundError,
    MaxRetriesInterrupt,
    RetryInterrupt,
)
from mrq.job_bulk import BulkResult, MatchingJobs, jobs_matching
from mrq.job_handle import JobHandle, record_of, result_of, wait_for_end
from mrq.job_queueing import queue_job, queue_jobs, queue_raw_jobs, send_task, send_tasks
from mrq.job_saving import JobSaving

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mrq.domain.ids import JobId
    from mrq.domain.job import JobRecord
    from mrq.ports.logs import LogText

__all__ = [
    "FINAL_STATUSES",
    "TRANSIENT_STATUSES",
    "BulkResult",
    "Job",
    "JobHandle",
    "MatchingJobs",
    "current_job",
    "get_job_logs",
    "get_job_result",
    "jobs_matching",
    "queue_job",
    "queue_jobs",
    "queue_raw_jobs",
    "send_task",
    "send_tasks",
    "set_queues_size",
]

TRANSIENT_STATUSES = frozenset({Status.CANCEL, Status.QUEUED, Status.STARTED})
FINAL_STATUSES = frozenset(Status) - TRANSIENT_STATUSES
"""MRQ 0.9's names and sets: a job may leave a final status only for a transient one."""


def set_queues_size(size_by_queues: dict[str, int], action: str = "incr") -> None:
    """MRQ 0.9's counters of queue sizes. Sizes are counted in the data now, so there is nothing to do."""


def get_job_result(job_id: Any) -> dict[str, Any]:
    """A job's `status`, and its `result` if one is stored. Raises JobNotFoundError."""
    return result_of(record_of(get_app(), job_id))


def get_job_logs(job_id: Any, after: Any = None, limit: int = 1000) -> list[LogText]:
    """What a job has written to `mrq.context.log`: pieces of text with ids, oldest first; [] if there is nothing.

    after: the id of the last piece that is known, or a place (`mrq.logs.read`), which misses nothing. Lines appear a
    moment after the job has ended, and up to `report_interval` seconds late while it runs.
    """
    app = get_app()
    if app.logs is None:
        return []
    behind = after if after is None or isinstance(after, LogPlace) else app.jobs.parse_id(after)
    return app.logs.read(job=app.jobs.parse_id(job_id), after=behind, limit=limit)


class Job(JobSaving):
    """A job by its id (MRQ 0.9's class). `data` is its document, or None while it has not been fetched.

    The durations (seconds) and `max_retries` are those of its task; None until there is `data` with a path.
    """

    timeout: float | None = None
    default_ttl: float | None = None
    result_ttl: float | None = None
    abort_ttl: float | None = None
    cancel_ttl: float | None = None
    max_retries: int | None = None
    retry_delay: float | None = None
    progress: float = 0

    def __init__(self, job_id: Any, queue: str | None = None, start: bool = False, fetch: bool = False) -> None:
        """job_id: an id, its 24 hexadecimal digits (text or bytes), or None for a job that is never stored.
        start, fetch: see `fetch`. Raises InvalidJobIdError."""
        self._app = get_app()
        self._run: Run | None = None
        self._unsaved = False
        self.id: JobId | None = None if job_id is None else self._app.jobs.parse_id(job_id)
        self.queue = queue
        self.data: dict[str, Any] | None = None
        self.datestarted: datetime | None = None
        self.worker = Process.worker
        if start or fetch:
            self.fetch(start=start)

    @classmethod
    def of_run(cls, run: Run) -> Job:
        """The job that a worker runs here."""
        job, held = cls(run.job.id), run.job
        job._run = run
        job.queue, job.datestarted, job.stored = held.queue, held.datestarted, held.id is not None
        job.set_data({
            "_id": held.id,
            "path": held.path,
            "params": held.params,
            "queue": held.queue,
            "status": Status.STARTED.value,
            "datequeued": held.datequeued,
            "datestarted": held.datestarted,
            "retry_count": held.retry_count,
        })  # fmt: skip
        return job

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    @property
    def greenlet_time(self) -> float:
        """Seconds of processor time that its run in this process used, up to the last switch; 0: not traced."""
        trace = None if self._run is None else self._run.trace
        return 0.0 if trace is None else trace.usage().time

    @property
    def greenlet_switches(self) -> int:
        """How often its run in this process was switched to; 0: not traced."""
        trace = None if self._run is None else self._run.trace
        return 0 if trace is None else trace.usage().switches

    @property
    def run(self) -> Run | None:
        """The run of it that a worker holds in this process, or None."""
        return self._run

    # ---- reading

    @property
    def collection(self) -> Any:
        """The pymongo collection of all jobs; None on stores in memory."""
        return getattr(self._app.jobs, "collection", None)

    @property
    def redis_max_concurrency_key(self) -> str:
        """MRQ 0.9's key of the lock of its task. Needs `data`."""
        return f"{self._app.settings.redis_prefix}:c:{self._path()}"

    @property
    def saved(self) -> bool:
        """Whether there is no progress that waits to be stored."""
        return not self._unsaved if self._run is None else self._run.progress is None

    def exists(self) -> bool:
        """Whether there is such a job."""
        return self._fetched() is not None

    def fetch(self, start: bool = False, full_data: Any = True) -> Job:
        """Read the job's document into `data` (None if there is none) and return self.

        start: start it first, to be run here with `perform`: in the name of a worker made for it, which counts as
        dead after the task's time-out or 50 minutes, whichever is sooner. `data` is None if it runs already, or
        is not to run (cancel, abort, maxretries).
        full_data: True: all of it; False: path, params, status, retry_count; or a dict of wanted fields.
        """
        if self.id is None:
            return self
        record = None if start and not self._start() else self._fetched()
        if record is None:
            self.set_data(None)
            return self
        document = dict(record.document)
        if full_data is not True:
            wanted = full_data if isinstance(full_data, dict) else dict.fromkeys(_SHORT, 1)
            document = {name: value for name, value in document.items() if wanted.get(name) or name == "_id"}
        self.set_data(document)
        self.stored = True
        self.queue, self.datestarted = record.queue, record.datestarted
        return self

    def set_data(self, data: dict[str, Any] | None) -> None:
        """Take these for the job's document, and its durations and `max_retries` from its task's settings."""
        self.data = data
        if data is None or "path" not in data:
            return
        options = self._app.tasks.options(data["path"])
        self.timeout, self.default_ttl, self.result_ttl = options.timeout, options.default_ttl, options.result_ttl
        self.abort_ttl, self.cancel_ttl = options.abort_ttl, options.cancel_ttl
        self.max_retries, self.retry_delay = options.max_retries, options.retry_delay

    def get_task_config(self) -> dict[str, Any]:
        """What TASKS says about its task. Needs `data`."""
        return dict(self._app.settings.tasks.get(self._path()) or {})

    def wait(self, poll_interval: float = 1, timeout: float | None = None, full_data: bool = False) -> dict[str, Any]:  # noqa: ARG002 - MRQ 0.9
        """Wait until the job is neither queued nor started; its `status` and `result`, or its whole document.

        A `retry` ends the wait. Raises WaitTimeoutError after `timeout` seconds (None: never), and
        JobNotFoundError. `poll_interval`, the first positional argument as in MRQ 0.9, has no effect: say `timeout=`.
        """
        record = wait_for_end(self._app, self._known_id(), timeout, FINAL)
        return dict(record.document) if full_data else result_of(record)

    # ---- inserting

    @classmethod
    def insert(
        cls,
        jobs_data: Iterable[dict[str, Any]],
        queue: str | None = None,
        statuses_no_storage: Sequence[str] | None = None,
        return_jobs: bool = True,
        w: int | str | None = None,  # noqa: ARG003 - MRQ 0.9
        j: bool | None = None,  # noqa: ARG003
    ) -> list[Any]:
        """Insert jobs given as dicts with a path and params, and, if you like, queue, status (queued or started),
        datequeued and _id; return them as Jobs, or their ids.

        Started ones are started in this process, to be run with `perform`. If `statuses_no_storage` names started,
        nothing is stored yet, and each job only when it comes into another status. Acknowledged by a majority,
        whatever w and j say. Raises InvalidParamsError, JobTooLargeError and ServerUnavailableError.
        """
        store = not (return_jobs and statuses_no_storage is not None and Status.STARTED in statuses_no_storage)
        documents = cls._insert(jobs_data, queue, store=store)
        jobs = []
        for data in documents:
            job = cls(data["_id"], queue=queue or data["queue"])
            job.statuses_no_storage = statuses_no_storage
            job.set_data(data)
            job.stored = store
            if store and data["status"] == Status.STARTED:
                job._start()
            jobs.append(job)
        return jobs if return_jobs else [job.id for job in jobs]

    # ---- from outside

    def cancel(self) -> bool:
        """Call the job off. A run that has begun goes on, but its end is not written. False: no such job.

        One that has ended becomes `cancel` as well and keeps its result. The document is deleted after the task's
        `cancel_ttl` seconds, counted from now.
        """
        return self.save_cancel() if self._fetched() is not None else False

    def requeue(self, queue: str | None = None, retry_count: int = 0) -> bool:
        """Queue the job again, at the end of its queue or of another one, also if it still waits.

        On a job that runs, the old run goes on and its end is not written. False: there is no such job. Raises
        InvalidQueueError when it can't wait in that queue.
        """
        queue = None if queue is None else waiting_place(queue).id
        now = self._app.clock.now()
        fields = {"queue": queue, "datequeued": now, "retry_count": retry_count}
        moved = self._app.jobs.move(self._known_id(), Status.QUEUED, now, fields)
        if moved:
            self._note_move(Status.QUEUED, fields)
        target = queue or self.queue or (self.fetch().queue if moved else None)
        if moved:
            self._app.metrics.statuses([Status.QUEUED])
        if moved and target:
            self._app.enqueuer.announce(target, 1)
        return moved

    # ---- from inside its task

    def retry(self, queue: str | None = None, delay: float | None = None, max_retries: int | None = None) -> None:
        """End this run and have another one, `delay` seconds later. Always raises.

        Raises RetryInterrupt, or MaxRetriesInterrupt when it has been retried `max_retries` times already
        (0: it may never be). Both are for the worker: let them pass. Raises InvalidQueueError, TypeError or
        ValueError when the job can't wait in that queue, or for such a delay.
        """
        place = waiting_place(queue).id if queue else None
        pause = None if delay is None else seconds(delay)
        count, allowed, usual = self._retries()
        if count >= (allowed if max_retries is None else max_retries):
            exhausted = MaxRetriesInterrupt(f"the job has been retried {count} times")
            exhausted.original_exception = sys.exc_info()[1]
            raise exhausted
        again = RetryInterrupt()
        again.queue = place
        again.delay = usual if pause is None else pause
        again.retry_count = count + 1
        again.original_exception = sys.exc_info()[1]
        raise again

    def abort(self) -> None:
        """End this run for good, as `abort`. Always raises AbortInterrupt."""
        abort = AbortInterrupt()
        abort.original_exception = sys.exc_info()[1]
        raise abort

    def set_progress(self, ratio: float, save: bool = False) -> None:
        """Say how far the job is, from 0 to 1. It is stored with the worker's next report; `save`: at once."""
        self.progress = float(ratio)
        if self.data is not None:
            self.data["progress"] = self.progress
        self._unsaved = True
        if self._run is not None:
            self._run.progress = self.progress
            self._run.shows_progress = True
        if save:
            self.save()

    def save(self) -> None:
        """Store the progress now, if the job still runs. A worker does it with each report."""
        if self.saved:
            return
        run = self._run or self._app.own_runs.seen(self._known_id())
        if run is not None and run.job.id is not None:
            self._app.jobs.set_progress(run.job.id, run.job.token, self.progress)
            run.progress = None
        self._unsaved = False

    # ----

    def _retries(self) -> tuple[int, int, float]:
        """How often it has been retried, how often it may be, and the usual delay."""
        if self._run is not None:
            options = self._run.options
            return self._run.job.retry_count, options.max_retries, options.retry_delay
        if self.data is None:
            raise RuntimeError(f"job {self.id} has no data yet; fetch() it, or use get_current_job()")
        options = self._app.tasks.options(self.data.get("path") or "")
        return self.data.get("retry_count") or 0, options.max_retries, options.retry_delay

    def _known_id(self) -> JobId:
        if self.id is None:
            raise JobNotFoundError("this job has no id: it is run in place and never stored")
        return self.id

    def _fetched(self) -> JobRecord | None:
        return self._app.jobs.fetch(self._known_id())


_SHORT = ("path", "params", "status", "retry_count")


_bound: ContextVar[Job | None] = ContextVar("mrq_bound_job", default=None)
"""A job that was not started by a worker and is said to be the current one."""


def current_job() -> Job | None:
    """The job that runs here, or None outside of one. It is the same object for as long as the job runs."""
    run = current_run.get()
    return _bound.get() if run is None else job_of(run)


def job_of(run: Run) -> Job:
    """The job of a run, as its task sees it."""
    if not isinstance(run.face, Job):
        run.face = Job.of_run(run)
    return run.face


def bind(job: Job | None) -> None:
    """Make a job the current one of this fiber, and of sub-pools that it opens; None: it has none."""
    run = None if job is None else job._run  # noqa: SLF001 - its own module
    current_run.set(run)
    _bound.set(job if run is None else None)
