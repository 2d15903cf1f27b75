"""A job as it is queued, as a worker holds it, and as it is read back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.attempt import Attempt
    from mrq.domain.ids import JobId, Token, WorkerId
    from mrq.domain.status import Status

# Datetimes are naive and in UTC with millisecond precision everywhere, as MRQ 0.9 stores and returns them.


@dataclass(slots=True)
class NewJob:
    """A job about to be queued. `due`: not to be started before this time (None: at once).

    `encoded` is for the store that checks the job before it inserts it, so that it is encoded once.
    """

    id: JobId
    path: str
    params: Mapping[str, Any]
    queue: str
    datequeued: datetime
    due: datetime | None = None
    parent: JobId | None = None  # the job that queued it
    trace: Mapping[str, str] | None = None  # W3C's traceparent, and tracestate, of who queued it
    encoded: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)
class RawOrigin:
    """Where a job from a raw queue comes from: `queue` is that queue's id, `payload` what waited there.

    stored: MongoDB has the job. Else Redis alone has it, in the hands of `worker`, until it ends; and ends that are in
    `no_storage` leave no trace in MongoDB either.
    """

    queue: str
    root: str
    payload: bytes
    worker: WorkerId
    stored: bool = True
    no_storage: frozenset[Status] = frozenset()
    score: float | None = None  # its place in a sorted set


@dataclass(slots=True)
class ClaimedJob:
    """A job that a worker holds under a claim: only what is needed to run and settle it.

    Not frozen only because a frozen dataclass costs twice the time to make; nothing changes it.
    """

    id: JobId
    token: Token | None  # None: started by MRQ 0.9, which knew no claims
    path: str
    params: dict[str, Any]
    queue: str
    datequeued: datetime | None
    datestarted: datetime
    retry_count: int = 0
    losses: int = 0
    losses_alone: int = 0
    alone: bool = False
    has_slot: bool = False  # it came back for its turn under its task's rate
    overruns: int = 0  # ends of bursts that have cut it short, though it had had the time its task takes
    raw: RawOrigin | None = None  # None: it was queued as a job
    trace: Mapping[str, str] | None = None  # see NewJob


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job's document, read back whole. Fields are None where the document has none."""

    id: JobId
    path: str
    params: dict[str, Any]
    queue: str
    status: Status
    datequeued: datetime | None = None
    due: datetime | None = None
    datestarted: datetime | None = None
    dateupdated: datetime | None = None
    dateexpires: datetime | None = None
    dateretry: datetime | None = None
    worker: WorkerId | None = None
    token: Token | None = None
    result: Any = None
    progress: float | None = None
    totaltime: float | None = None
    retry_count: int = 0
    losses: int = 0
    losses_alone: int = 0
    overruns: int = 0
    exceptiontype: str | None = None
    traceback: str | None = None
    parent: JobId | None = None
    traceback_history: tuple[Mapping[str, Any], ...] = ()
    attempts: tuple[Attempt, ...] = ()  # oldest first; the last one may still run
    fingerprint: str | None = None  # the group in which its last run failed
    document: Mapping[str, Any] = field(default_factory=dict)  # all of it, as stored
