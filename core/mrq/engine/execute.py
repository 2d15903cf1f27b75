"""Run a job's task and say what became of it. Nothing is stored here: deciding and writing are apart."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from mrq.domain.outcome import Failure, Outcome
from mrq.domain.retry import delay_before
from mrq.domain.status import Status
from mrq.exceptions import (
    SEPARATOR,
    AbortInterrupt,
    Interrupt,
    MaxConcurrencyInterrupt,
    MaxRetriesInterrupt,
    RetryInterrupt,
    TimeoutInterrupt,
    original_of,
)

if TYPE_CHECKING:
    from mrq.domain.job import ClaimedJob
    from mrq.domain.options import TaskOptions
    from mrq.domain.task import Task
    from mrq.engine.tasks import TaskLoader

LONGEST_TRACEBACK = 64_000  # characters


def execute(job: ClaimedJob, tasks: TaskLoader) -> tuple[Outcome, Task | None]:
    """Run a job to its end. Never raises: whatever the task did is an outcome.

    Returns the outcome and the task's instance (None if it could not be made).
    """
    task = None
    try:
        task = tasks.load(job.path)()
        task.is_main_task = True
        return Outcome(Status.SUCCESS, result=task.run_wrapped(job.params)), task
    except BaseException as exc:  # noqa: BLE001
        return outcome_of(exc, job, tasks.options(job.path)), task


def outcome_of(exc: BaseException, job: ClaimedJob, options: TaskOptions) -> Outcome:
    """What an exception that left the task means."""
    match exc:
        case RetryInterrupt():
            return _retry_asked_for(exc, job)
        case AbortInterrupt():
            status = Status.ABORT
        case MaxRetriesInterrupt():
            status = Status.MAXRETRIES
        case MaxConcurrencyInterrupt():
            status = Status.MAXCONCURRENCY
        case TimeoutInterrupt():
            status = Status.TIMEOUT
        case Interrupt():
            status = Status.INTERRUPT
        case Exception() if job.retry_count < options.retries:
            count = job.retry_count + 1
            delay = delay_before(count, options.retry_delay)
            return Outcome(Status.RETRY, failure=failure_of(exc), delay=delay, retry_count=count)
        case _:
            status = Status.FAILED
    return Outcome(status, failure=failure_of(exc))


def _retry_asked_for(exc: RetryInterrupt, job: ClaimedJob) -> Outcome:
    count = exc.retry_count or job.retry_count + 1
    if not exc.delay:
        # 0.9: without a delay the job is queued again at once and was never in status retry
        return Outcome(Status.QUEUED, queue=exc.queue, retry_count=count)
    failure = failure_of(exc)
    return Outcome(Status.RETRY, failure=failure, delay=exc.delay, queue=exc.queue, retry_count=count)


def failure_of(exc: BaseException) -> Failure:
    """An exception as it is stored: the class name and the traceback from the task's own frames on."""
    original = original_of(exc)
    if original is None:
        return Failure(type(exc).__name__, _format(exc))
    own = _format(exc).rpartition(SEPARATOR)[0] or _format(exc)  # the rest is stored beside it
    return Failure(type(exc).__name__, own, _format(original))


def _format(exc: BaseException) -> str:
    first = exc.__traceback__
    if first is not None and first.tb_frame.f_code is execute.__code__:
        first = first.tb_next or first
    try:
        text = "".join(traceback.format_exception(type(exc), exc, first))
    except Exception as error:  # noqa: BLE001 - an exception whose __str__ raises must not cost the job its end
        return f"{type(exc).__name__} (its traceback can't be shown: {type(error).__name__})\n"
    return storable(text)


def storable(text: str) -> str:
    """Text cut to what is useful in a failure, without the lone surrogates that no database takes."""
    if len(text) > LONGEST_TRACEBACK:
        half = LONGEST_TRACEBACK // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half:,} characters left out ...\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
