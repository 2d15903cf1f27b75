"""Everything MRQ raises: interrupts that end a job, and errors that tell a user what to mend.

Interrupts derive from BaseException, so that an `except Exception` in a task does not swallow them.
Errors derive from MrqError and from the builtin that a caller would expect to catch.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

SEPARATOR = "---- Original exception: -----"
"""Stands between an interrupt's own text and the traceback of what was being handled when it was raised (MRQ 0.9)."""


class MrqError(Exception):
    """Base of every error that MRQ raises at its caller."""


class ConfigError(MrqError, ValueError):
    """A setting has a wrong type or value; the message names the setting and where it was given."""


class UnknownTaskError(MrqError, LookupError):
    """A task path names nothing that can be run; the message says which part could not be found."""


class InvalidParamsError(MrqError, TypeError):
    """The parameters of a job don't fit its task, or can't be stored; nothing was queued."""


class InvalidJobIdError(MrqError, ValueError):
    """A value is not a job id (24 hexadecimal digits, or an ObjectId)."""


class InvalidQueueError(MrqError, ValueError):
    """A queue's name can't be used this way."""


class JobTooLargeError(MrqError, ValueError):
    """A job's document would be over MongoDB's limit of 16 MiB; nothing of its batch was queued."""


class JobNotFoundError(MrqError, LookupError):
    """No job has this id (it may have expired)."""


class ScheduleNotFoundError(MrqError, LookupError):
    """No schedule has this name or id."""


class JobFailedError(MrqError):
    """A job whose result was asked for ended without one; `status` and `traceback` say how."""

    def __init__(self, message: str, *, status: str, traceback: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.traceback = traceback


class WaitTimeoutError(MrqError, TimeoutError):
    """A job had not ended within the time its caller was ready to wait."""


class ServerUnavailableError(MrqError, ConnectionError):
    """MongoDB or Redis did not answer; the message says which one and what was tried."""


class StoreUnavailableError(ServerUnavailableError):
    """What is raised when MongoDB or Redis can't be reached, or did not answer in time. The call may be repeated.

    Programs catch it as ServerUnavailableError.
    """


class ServerRefusedError(MrqError, PermissionError):
    """MongoDB answered, but does not let us in, or do that; the message says why."""


class WorkerLost(MrqError):  # noqa: N818 - the name is stored with failed jobs as their exception type
    """A job's workers died while it ran, more often than is allowed; stored with the job, never raised."""


class Interrupt(BaseException):
    """Base of what ends a running job from inside or outside."""

    original_exception: Any = None
    """What was being handled when it was raised: an exception, or the three values of sys.exc_info()."""

    def __str__(self) -> str:
        text = super().__str__()
        original = original_of(self)
        if original is None:
            return text
        return f"{text}\n{SEPARATOR}\n{''.join(traceback.format_exception(original))}"


def original_of(exc: BaseException) -> BaseException | None:
    """The exception in the place of which this one was raised, if it says so."""
    original = getattr(exc, "original_exception", None)
    if isinstance(original, tuple) and len(original) == 3:
        original = original[1]
    return original if isinstance(original, BaseException) else None


def ends_the_caller(error: BaseException) -> bool:
    """Whether an exception that left a user's hook is none of the hook: it ends the fiber or program that called it.

    All else is the hook's failure, also where it is no Exception, as gevent.Timeout is not.
    """
    greenlet = sys.modules.get("greenlet")
    killed = () if greenlet is None else (greenlet.GreenletExit,)
    return isinstance(error, (Interrupt, KeyboardInterrupt, *killed))


class TimeoutInterrupt(Interrupt):
    """The job has run longer than its timeout."""


class AbortInterrupt(Interrupt):
    """The job gave up on purpose: `abort_current_job()`."""


class RetryInterrupt(Interrupt):
    """The job asked to run again: `retry_current_job()`."""

    delay: float | None = None
    queue: str | None = None
    retry_count: int = 0


class MaxRetriesInterrupt(Interrupt):
    """The job asked to run again more often than its `max_retries` allows."""


class MaxConcurrencyInterrupt(Interrupt):
    """As many jobs of this task as its `max_concurrency` allows were running already."""


class StopRequested(Interrupt):
    """The worker was asked to stop."""


class JobInterrupt(Interrupt):
    """The worker ends this job before it has finished (shutdown, or a lost lease)."""
