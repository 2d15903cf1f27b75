"""Queue jobs, and look after those that are queued."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mrq.app import App, get_app
from mrq.domain.status import FINAL, SETTLED, Status
from mrq.engine.run import Run, current_run
from mrq.exceptions import (
    AbortInterrupt,
    JobFailedError,
    JobNotFoundError,
    MaxRetriesInterrupt,
    MrqError,
    RetryInterrupt,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mrq.domain.ids import JobId
    from mrq.domain.job import JobRecord

R = TypeVar("R")

SHORTEST_LOOK, LONGEST_LOOK = 0.005, 0.25  # seconds between two looks at a job whose end is awaited


def queue_job(main_task_path: str, params: Any, queue: str | None = None, batch_size: int = 1000) -> JobId:
    """Queue one job; its id. See `queue_jobs`."""
    return queue_jobs(main_task_path, [params], queue=queue, batch_size=batch_size)[0]


def queue_jobs(
    main_task_path: str, params_list: Sequence[Any], queue: str | None = None, batch_size: int = 1000
) -> list[JobId]:
    """Queue one job of a task for each set of params; their ids, in the same order.

    queue: where they wait; None: the task's own queue, or "default".

    Raises InvalidParamsError or JobTooLargeError when a job can't be stored, InvalidQueueError for a raw queue
    (nothing is queued then), and ServerUnavailableError when MongoDB is away.
    """
    app = get_app()
    return app.enqueuer.enqueue(
        main_task_path, params_list, queue or app.queue_of(main_task_path), batch_size=batch_size
    )


def queue_raw_jobs(queue: str, params_list: Any) -> None:
    """Put payloads into a raw queue; workers make jobs of them with its `job_factory`.

    params_list: payloads, each bytes, text (kept as UTF-8) or a number. For a sorted or a timed set a dict of payloads
    and scores; scores of a timed set are unix seconds, and a plain list means now.

    Raises InvalidParamsError when one is of a wrong type, InvalidQueueError for a regular queue (nothing is queued
    then), and ServerUnavailableError when Redis is away: of many payloads, some may be queued then.
    """
    get_app().raw_enqueuer.enqueue(queue, params_list)


def get_job_result(job_id: Any) -> dict[str, Any]:
    """A job's `status`, and its `result` if one is stored. Raises JobNotFoundError."""
    record = _record(get_app(), job_id)
    return _result_of(record)


def _result_of(record: JobRecord) -> dict[str, Any]:
    return {name: record.document[name] for name in ("result", "status") if name in record.document}


def _record(app: App, job_id: Any) -> JobRecord:
    record = app.jobs.fetch(app.jobs.parse_id(job_id))
    if record is None:
        raise JobNotFoundError(f"there is no job {job_id}; it may have expired")
    return record


def wait_for_end(app: App, job_id: JobId, timeout: float | None, ends: frozenset[Status]) -> JobRecord:
    """Wait until a job is in one of the statuses. Looks often at first, then four times a second.

    Raises WaitTimeoutError after `timeout` seconds (None: never), and JobNotFoundError.
    """
    until = None if timeout is None else time.monotonic() + timeout
    pause = SHORTEST_LOOK
    while True:
        record = _record(app, job_id)
        if record.status in ends:
            return record
        left = pause if until is None else until - time.monotonic()
        if left <= 0:
            raise WaitTimeoutError(f"job {job_id} is still {record.status.value} after {timeout:g} s")
        time.sleep(min(pause, left))
        pause = min(LONGEST_LOOK, pause * 1.5)


class JobHandle(Generic[R]):
    """A queued job of a task function."""

    __slots__ = ("_app", "id")

    def __init__(self, job_id: JobId, app: App) -> None:
        self._app = app
        self.id = job_id

    def __repr__(self) -> str:
        return f"<job {self.id}>"

    def status(self) -> Status:
        """Where the job stands now. Raises JobNotFoundError."""
        return _record(self._app, self.id).status

    def result(self, timeout: float | None = None) -> R:
        """Wait for the job's end and return what its task returned, as BSON gives it back.

        Raises WaitTimeoutError after `timeout` seconds (None: waits for ever), and JobFailedError, with the
        task's traceback, if the job ended otherwise than in success.
        """
        record = wait_for_end(self._app, self.id, timeout, SETTLED)
        if record.status is not Status.SUCCESS:
            why = f": {record.exceptiontype}" if record.exceptiontype else ""
            message = f"job {self.id} ({record.path}) ended as {record.status.value}{why}\n{record.traceback or ''}"
            raise JobFailedError(message.rstrip(), status=record.status.value, traceback=record.traceback)
        result: R = record.result
        return result


class Job:
    """A job by its id (MRQ 0.9's class). `data` is its document, or None while it has not been fetched."""

    def __init__(self, job_id: Any, queue: str | None = None, *, start: bool = False, fetch: bool = False) -> None:
        """Raises InvalidJobIdError. `fetch`: read its document at once."""
        if start:
            raise MrqError("jobs are started by workers; run one here with mrq.context.run_task")
        self._app = get_app()
        self._run: Run | None = None
        self.id: JobId | None = None if job_id is None else self._app.jobs.parse_id(job_id)
        self.queue = queue
        self.data: dict[str, Any] | None = None
        if fetch:
            self.fetch()

    @classmethod
    def of_run(cls, run: Run) -> Job:
        """The job that a worker runs here."""
        job = cls(run.job.id)
        job._run = run
        job.queue = run.job.queue
        job.data = {"path": run.job.path, "params": run.job.params, "retry_count": run.job.retry_count}
        return job

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    # ---- reading

    def exists(self) -> bool:
        """Whether there is such a job."""
        return self._fetched() is not None

    def fetch(self, full_data: Any = True) -> Job:
        """Read the job's document into `data` (None if there is none) and return self.

        full_data: True: all of it; False: path, params, status, retry_count; or a dict of wanted fields.
        """
        record = self._fetched()
        if record is None:
            self.data = None
            return self
        document = dict(record.document)
        if full_data is not True:
            wanted = full_data if isinstance(full_data, dict) else dict.fromkeys(_SHORT, 1)
            document = {name: value for name, value in document.items() if wanted.get(name) or name == "_id"}
        self.data = document
        self.queue = record.queue
        return self

    def wait(self, poll_interval: float = 1, timeout: float | None = None, full_data: bool = False) -> dict[str, Any]:  # noqa: ARG002 - MRQ 0.9
        """Wait until the job is neither queued nor started; its `status` and `result`, or its whole document.

        Raises WaitTimeoutError after `timeout` seconds. `poll_interval` is accepted and not needed.
        """
        record = wait_for_end(self._app, self._known_id(), timeout, FINAL)
        return dict(record.document) if full_data else _result_of(record)

    # ---- from outside

    def cancel(self) -> bool:
        """Call the job off. A run that has begun goes on, but its end is not written. False: no such job.

        The document is kept for the task's `cancel_ttl` seconds.
        """
        record = self._fetched()
        if record is None:
            return False
        now = self._app.clock.now()
        expires = now + timedelta(seconds=self._app.tasks.options(record.path).cancel_ttl)
        return self._app.jobs.move(record.id, Status.CANCEL, now, {"dateexpires": expires})

    def requeue(self, queue: str | None = None, retry_count: int = 0) -> bool:
        """Queue the job again, at the end of its queue or of another one. False: there is no such job."""
        now = self._app.clock.now()
        fields = {"queue": queue, "datequeued": now, "retry_count": retry_count}
        moved = self._app.jobs.move(self._known_id(), Status.QUEUED, now, fields)
        target = queue or self.queue or (self.fetch().queue if moved else None)
        if moved and target:
            self._app.enqueuer.call(target.split("/", 1)[0])
        return moved

    # ---- from inside its task

    def retry(self, queue: str | None = None, delay: float | None = None, max_retries: int | None = None) -> None:
        """End this run and have another one, `delay` seconds later. Always raises.

        Raises RetryInterrupt, or MaxRetriesInterrupt when it has been retried `max_retries` times already
        (0: it may never be). Both are for the worker: let them pass.
        """
        options = self._running().options
        count = self._running().job.retry_count
        if count >= (options.max_retries if max_retries is None else max_retries):
            exhausted = MaxRetriesInterrupt(f"the job has been retried {count} times")
            exhausted.original_exception = sys.exc_info()[1]
            raise exhausted
        again = RetryInterrupt()
        again.queue = queue
        again.delay = options.retry_delay if delay is None else delay
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
        run = self._running()
        run.progress = float(ratio)
        run.shows_progress = True
        if save and run.job.id is not None:
            self._app.jobs.set_progress(run.job.id, run.job.token, run.progress)

    # ----

    def _running(self) -> Run:
        if self._run is None:
            raise RuntimeError(f"job {self.id} is not the one that runs here; use get_current_job()")
        return self._run

    def _known_id(self) -> JobId:
        if self.id is None:
            raise JobNotFoundError("this job has no id: it is run in place and never stored")
        return self.id

    def _fetched(self) -> JobRecord | None:
        return self._app.jobs.fetch(self._known_id())


_SHORT = ("path", "params", "status", "retry_count")


def current_job() -> Job | None:
    """The job that runs here, or None outside of one."""
    run = current_run.get()
    return None if run is None else Job.of_run(run)
