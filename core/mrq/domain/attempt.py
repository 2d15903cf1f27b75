"""The runs of a job, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mrq.domain.fingerprint import Signature, fingerprint
from mrq.domain.status import Status

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.ids import WorkerId
    from mrq.domain.iosums import IoSum
    from mrq.domain.job import ClaimedJob
    from mrq.domain.outcome import Failure, Outcome
    from mrq.domain.usage import Usage

LONGEST_MESSAGE = 300  # characters that are kept


class AttemptEnd(StrEnum):
    """How a run ended. But for the last two, these are statuses of jobs."""

    SUCCESS = Status.SUCCESS.value
    FAILED = Status.FAILED.value
    RETRY = Status.RETRY.value  # the job runs again
    ABORT = Status.ABORT.value
    INTERRUPT = Status.INTERRUPT.value
    TIMEOUT = Status.TIMEOUT.value
    MAXRETRIES = Status.MAXRETRIES.value
    MAXCONCURRENCY = Status.MAXCONCURRENCY.value
    HANDED_BACK = "handed back"  # by a worker that stopped
    LOST = "lost"  # with its worker


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run. Times are naive and in UTC; `end` and `ended` are None while it lasts.

    `time`, `switches` and `longest` (seconds) are those of `mrq.domain.usage.Usage`, where that was traced. `deploy`:
    the version of the code, where the worker was told it. `io`: what it waited for, the longest first, where that was
    traced.
    """

    started: datetime
    end: AttemptEnd | None = None
    ended: datetime | None = None
    queued: datetime | None = None
    worker: WorkerId | None = None
    exceptiontype: str | None = None
    message: str | None = None
    fingerprint: str | None = None
    time: float | None = None
    switches: int | None = None
    longest: float | None = None
    deploy: str | None = None
    io: tuple[IoSum, ...] | None = None


def end_of(outcome: Outcome) -> AttemptEnd:
    """How a run with this outcome ended."""
    if outcome.status is Status.QUEUED:
        return AttemptEnd.HANDED_BACK if outcome.at_front else AttemptEnd.RETRY
    return AttemptEnd(outcome.status.value)


def attempt_of(
    job: ClaimedJob,
    end: AttemptEnd,
    ended: datetime,
    worker: WorkerId | None,
    failure: Failure | None = None,
    usage: Usage | None = None,
    deploy: str = "",
    io: tuple[IoSum, ...] | None = None,
) -> Attempt:
    """A run that has ended."""
    return Attempt(
        started=job.datestarted,
        end=end,
        ended=ended,
        queued=job.datequeued,
        worker=worker,
        exceptiontype=None if failure is None else failure.exceptiontype,
        message=None if failure is None or failure.signature is None else failure.signature.message[:LONGEST_MESSAGE],
        fingerprint=None if failure is None or not _is_fault(end, failure) else fingerprint_of(job.path, failure),
        time=None if usage is None else usage.time,
        switches=None if usage is None else usage.switches,
        longest=None if usage is None else usage.longest,
        deploy=deploy or None,
        io=io,
    )


_FAULTS = frozenset({AttemptEnd.FAILED, AttemptEnd.RETRY, AttemptEnd.TIMEOUT, AttemptEnd.MAXRETRIES, AttemptEnd.LOST})
ON_PURPOSE = "RetryInterrupt"  # the task asked for another run, with nothing wrong


def _is_fault(end: AttemptEnd, failure: Failure) -> bool:
    """Whether something is wrong. A task may end its run by an abort, or ask for another one, as it likes."""
    signature = failure.signature
    return end in _FAULTS and (signature.kind if signature else failure.exceptiontype) != ON_PURPOSE


def fingerprint_of(path: str, failure: Failure) -> str:
    """The group of a failure of this task."""
    return fingerprint(path, failure.signature or Signature(failure.exceptiontype))
