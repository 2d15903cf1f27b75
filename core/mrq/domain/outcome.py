"""What became of one run of a job, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.fingerprint import Signature
    from mrq.domain.status import Status


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run didn't succeed: the exception's class name and its traceback as text, and what it is recognised by."""

    exceptiontype: str
    traceback: str
    original_traceback: str | None = None
    signature: Signature | None = None  # None: only the class name is known


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run: `status` is one that may follow `started`.

    `queued` means that the job goes back to its queue: retried at once, or handed back unfinished.
    """

    status: Status
    result: Any = None
    failure: Failure | None = None
    delay: float | None = None  # seconds until the next try
    queue: str | None = None  # where the next try waits, if not where this one did
    retry_count: int | None = None  # the new count, if it changes
    at_front: bool = False  # back to its old place in the queue, not to the end
    untouched: bool = False  # it never started: back to its old place as if it had not been claimed
    due: datetime | None = None  # queued: not to be started before
    has_slot: bool = False  # queued: its turn under the task's rate is at `due`
    overran: bool = False  # the end of a burst cut a run short that took longer than its task is known to take
