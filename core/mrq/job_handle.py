"""A job that is waited for: the handle that a task function gives, and what `Job.wait` shares with it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mrq.domain.change import after
from mrq.domain.queuename import waiting_place
from mrq.domain.status import SETTLED, Status
from mrq.exceptions import JobFailedError, JobNotFoundError, WaitTimeoutError

if TYPE_CHECKING:
    from mrq.app import App
    from mrq.domain.ids import JobId
    from mrq.domain.job import JobRecord

R = TypeVar("R")

SHORTEST_LOOK, LONGEST_LOOK = 0.005, 0.25  # seconds between two looks at a job whose end is awaited


def record_of(app: App, job_id: Any) -> JobRecord:
    """A job, read whole. Raises JobNotFoundError, and InvalidJobIdError."""
    record = app.jobs.fetch(app.jobs.parse_id(job_id))
    if record is None:
        raise JobNotFoundError(f"there is no job {job_id}; it may have expired")
    return record


def result_of(record: JobRecord) -> dict[str, Any]:
    """A job's `status`, and its `result` if one is stored."""
    return {name: record.document[name] for name in ("result", "status") if name in record.document}


def wait_for_end(app: App, job_id: JobId, timeout: float | None, ends: frozenset[Status]) -> JobRecord:
    """Wait until a job is in one of the statuses. Looks often at first, then four times a second.

    Raises WaitTimeoutError after `timeout` seconds (None: never), and JobNotFoundError.
    """
    until = None if timeout is None else time.monotonic() + timeout
    pause = SHORTEST_LOOK
    while True:
        record = record_of(app, job_id)
        if record.status in ends:
            return record
        left = pause if until is None else until - time.monotonic()
        if left <= 0:
            raise WaitTimeoutError(f"job {job_id} is still {record.status.value} after {timeout:g} s{_where(record)}")
        time.sleep(min(pause, left))
        pause = min(LONGEST_LOOK, pause * 1.5)


def _where(record: JobRecord) -> str:
    if record.status is not Status.QUEUED:
        return ""
    return f", in the queue {record.queue!r}; `mrq doctor` says whether a worker serves it"


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
        return record_of(self._app, self.id).status

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

    def cancel(self) -> bool:
        """Call the job off. A run that has begun goes on, but its end is not written. False: it was deleted meanwhile.

        One that has ended becomes `cancel` as well; see `Job.cancel`. Raises JobNotFoundError.
        """
        record, now = record_of(self._app, self.id), self._app.clock.now()
        expires = after(now, self._app.tasks.options(record.path).cancel_ttl)
        moved = self._app.jobs.move(self.id, Status.CANCEL, now, {"dateexpires": expires})
        if moved:
            self._app.metrics.statuses([Status.CANCEL])
        return moved

    def requeue(self, queue: str | None = None) -> bool:
        """Queue the job again, at the end of its queue or of another one, with its retries forgotten.

        On a job that runs, the old run goes on and its end is not written. Raises JobNotFoundError, and
        InvalidQueueError when it can't wait in that queue.
        """
        record, now = record_of(self._app, self.id), self._app.clock.now()
        target = record.queue if queue is None else waiting_place(queue).id
        moved = self._app.jobs.move(self.id, Status.QUEUED, now, {"queue": target, "datequeued": now, "retry_count": 0})
        if moved:
            self._app.metrics.statuses([Status.QUEUED])
            self._app.enqueuer.announce(target, 1)
        return moved
