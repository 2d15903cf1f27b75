"""Run a job's task and say what became of it. Nothing is stored here: deciding and writing are apart."""

from __future__ import annotations

import random
import traceback
from typing import TYPE_CHECKING, Any

from mrq.domain.fingerprint import MOST_READ, Signature
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.engine.frames import of_task, own_frames
from mrq.engine.retries import found_in_modules
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
    from collections.abc import Callable

    from mrq.domain.job import ClaimedJob
    from mrq.domain.options import TaskOptions
    from mrq.domain.task import Task
    from mrq.engine.run import Run
    from mrq.engine.tasks import TaskLoader

LONGEST_TRACEBACK = 64_000  # characters


def execute(
    job: ClaimedJob, tasks: TaskLoader, chance: Callable[[], float] = random.random, run: Run | None = None
) -> tuple[Outcome, Task | None]:
    """Run a job to its end. Never raises: whatever the task did is an outcome.

    `chance`: a number from 0 up to 1, for what shouldn't happen to all jobs at the same time. `run`: is given the
    task's instance before that runs, so that the task can find it.
    Returns the outcome and the task's instance (None if it could not be made).
    """
    task = None
    try:
        task = main_task(tasks, job.path)
        if run is not None:
            run.task = task
        return Outcome(Status.SUCCESS, result=call(task, job.params)), task
    except BaseException as exc:  # noqa: BLE001
        return outcome_of(exc, job, tasks.options(job.path), chance()), task


def main_task(tasks: TaskLoader, path: str) -> Task:
    """An instance of a job's task. Raises UnknownTaskError, and whatever the import or the class raises."""
    task = tasks.load(path)()
    task.is_main_task = True
    return task


def call(task: Task, params: Any) -> Any:
    """Run a task. In this file, because a stack is taken for the task's from here on."""
    return task.run_wrapped(params)


def outcome_of(exc: BaseException, job: ClaimedJob, options: TaskOptions, chance: float = 0.0) -> Outcome:
    """What an exception that left the task means. `chance`: for the jitter of a retry's delay."""
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
        case _:
            status = Status.FAILED
            delay = found_in_modules(options.retry_policy).wait(exc, job.retry_count, chance)
            if delay is not None:
                return Outcome(Status.RETRY, failure=failure_of(exc), delay=delay, retry_count=job.retry_count + 1)
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
        return Failure(type(exc).__name__, _format(exc), signature=_signature(exc))
    own = _format(exc).rpartition(SEPARATOR)[0] or _format(exc)  # the rest is stored beside it
    return Failure(type(exc).__name__, own, _format(original), _signature(original))


def _signature(exc: BaseException) -> Signature:
    """What this failure is recognised by. Interruptions hit a task anywhere: where says nothing."""
    try:
        message = storable(str(exc)[:MOST_READ])
    except Exception:  # noqa: BLE001 - as in _format
        message = ""
    return Signature(type(exc).__name__, () if isinstance(exc, Interrupt) else own_frames(exc.__traceback__), message)


def _format(exc: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(type(exc), exc, of_task(exc.__traceback__)))
    except Exception as error:  # noqa: BLE001 - an exception whose __str__ raises must not cost the job its end
        return f"{type(exc).__name__} (its traceback can't be shown: {type(error).__name__})\n"
    return storable(text)


def storable(text: str) -> str:
    """Text cut to what is useful in a failure, without the lone surrogates that no database takes."""
    if len(text) > LONGEST_TRACEBACK:
        half = LONGEST_TRACEBACK // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half:,} characters left out ...\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
