"""What the log says about runs: an error with its traceback when a job fails, a line when one will be tried again
or was cut short."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mrq.domain.status import Status

if TYPE_CHECKING:
    from mrq.domain.outcome import Failure, Outcome
    from mrq.engine.run import Run

log = logging.getLogger("mrq.worker")

LONGEST_REASON = 300  # characters
ON_PURPOSE = "RetryInterrupt"  # the task asked for another run, with nothing wrong


def tell_end(run: Run, outcome: Outcome) -> None:
    """A run has ended, and this will be written about it."""
    if outcome.status is Status.SUCCESS:  # of these there are many, and each line costs more than its job
        return
    if outcome.status is Status.FAILED:
        text = outcome.failure.traceback.rstrip() if outcome.failure else "no reason could be stored"
        log.error("job %s (%s) failed\n%s", run.job.id, run.job.path, text)
    elif outcome.status is Status.QUEUED:
        log.debug("job %s (%s) goes back to its queue", run.job.id, run.job.path)
    else:
        what = _in_words(run, outcome)
        level = logging.INFO if _is_wanted(outcome) else logging.WARNING
        log.log(level, "job %s (%s) %s", run.job.id, run.job.path, what)


def _is_wanted(outcome: Outcome) -> bool:
    """Whether the task itself has asked for this end, and not because of an exception."""
    failure = outcome.failure
    if outcome.status is Status.ABORT:
        return True
    return failure is not None and failure.exceptiontype == ON_PURPOSE and not failure.original_traceback


def _in_words(run: Run, outcome: Outcome) -> str:
    text = f"ended as {outcome.status.value}"
    if outcome.status is Status.RETRY:
        text = f"is tried again in {outcome.delay or 0:g} s (retry {outcome.retry_count or run.job.retry_count + 1})"
    elif outcome.delay is not None:
        text += f", and runs again in {outcome.delay:g} s"
    reason = "" if outcome.failure is None else reason_of(outcome.failure)
    return f"{text}: {reason}" if reason else text


def reason_of(failure: Failure) -> str:
    """Why it was, in one line: the last one of the traceback, which has the exception."""
    lines = (failure.original_traceback or failure.traceback).rstrip().splitlines()
    last = lines[-1].strip() if lines else failure.exceptiontype
    return last if len(last) <= LONGEST_REASON else f"{last[:LONGEST_REASON]} ..."
