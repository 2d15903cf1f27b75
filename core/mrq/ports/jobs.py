"""JobStore: the truth about jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mrq.domain.change import Settlement
    from mrq.domain.ids import JobId, Token, WorkerId
    from mrq.domain.job import ClaimedJob, JobRecord, NewJob
    from mrq.domain.jobfilter import JobFilter, Page
    from mrq.domain.jobkeys import Standing
    from mrq.domain.queuename import QueueName
    from mrq.domain.status import Status


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish for jobs. `token` must be new for every claim.

    `only` and `never` are task paths: a white and a black list (empty: no restriction). When the queue means
    all subqueues of a root, those in `paused` give nothing, and only those that follow `after` in the
    alphabet are looked at (precede it, for a reverse queue). `for_burst`: the worker's end is known, so it leaves jobs
    that such ends have cut short too often (`mrq.domain.change.MOST_OVERRUNS`).
    """

    queue: QueueName
    limit: int
    worker: WorkerId
    token: Token
    now: datetime
    only: frozenset[str] = field(default_factory=frozenset)
    never: frozenset[str] = field(default_factory=frozenset)
    paused: frozenset[str] = field(default_factory=frozenset)
    after: str | None = None
    for_burst: bool = False


class Settled(Enum):
    """What became of one settlement."""

    WRITTEN = "written"  # now, or by an earlier try of the same settlement
    REFUSED = "refused"  # the claim is no longer the worker's: somebody else decides about the job now
    UNSTORABLE = "unstorable"  # the database can't hold it; nothing was changed


@dataclass(frozen=True, slots=True)
class SettleResult:
    """One settlement's fate; `reason` is text for a user when it was unstorable. `about_base`: what is unstorable is
    the job that the settlement would have made, not its end."""

    fate: Settled
    reason: str | None = None
    about_base: bool = False


class JobStore(Protocol):
    """Jobs and their moves. All writes are acknowledged by a majority if not asked for less."""

    def new_id(self) -> JobId:
        """A new identity: for a job, a worker, or a claim."""
        ...

    def parse_id(self, value: object) -> JobId:
        """The identity that a user means by an id, 24 hexadecimal digits (text or bytes), or 12 bytes.

        Raises:
            InvalidJobIdError: it is none of these.
        """
        ...

    def check(self, jobs: Sequence[NewJob]) -> None:
        """Find out whether these jobs can be stored, without storing them.

        Raises:
            InvalidParamsError: some params can't be held by BSON; the message names the job and the key.
            JobTooLargeError: a document would be over the limit of the database.
        """
        ...

    def insert(self, jobs: Sequence[NewJob]) -> None:
        """Queue jobs, which `check` has passed. Repeating a call changes nothing: ids decide."""
        ...

    def insert_started(self, jobs: Sequence[ClaimedJob]) -> dict[JobId, str]:
        """Store jobs from raw queues as started, under their claims. Repeating a call changes nothing: ids decide.

        Returns those that can't be stored, with the reason; the others are.
        """
        ...

    def discard(self, jobs: Sequence[JobId], token: Token) -> None:
        """Delete jobs that are started under a claim; others are left alone."""
        ...

    def existing(self, jobs: Sequence[JobId]) -> set[JobId]:
        """Which of these jobs are stored, whatever became of them."""
        ...

    def claim(self, claim: Claim) -> list[ClaimedJob]:
        """Start up to `claim.limit` due jobs of a queue, in its order, in the name of a worker.

        `q/` means all subqueues of q, one after the other in the order of the alphabet."""
        ...

    def waits(self, claim: Claim) -> bool:
        """Whether there is a job that this claim would take. Nothing is written."""
        ...

    def start(self, job: JobId, worker: WorkerId, token: Token, now: datetime) -> ClaimedJob | None:
        """Start one job in the name of a worker, wherever it stands and whatever is due before it.

        None: there is no such job, it runs already, or it is not to run (`cancel`, `abort`, `maxretries`). Asked
        again under the same token it gives the same answer.
        """
        ...

    def claimed_under(self, worker: WorkerId, token: Token) -> list[ClaimedJob]:
        """The started jobs of one claim: to ask again when the claim's answer was lost."""
        ...

    def started_by(self, worker: WorkerId, limit: int) -> list[ClaimedJob]:
        """Started jobs in the name of a worker, at most `limit`."""
        ...

    def workers_of_started(self) -> set[WorkerId]:
        """Every worker in whose name some job is started."""
        ...

    def mark_alone(self, job: JobId, token: Token) -> bool:
        """Note that a job is about to run alone in its worker. False: the claim is no longer valid."""
        ...

    def settle(self, settlements: Sequence[Settlement]) -> list[SettleResult]:
        """Write the ends of runs, each only if the job is still started under its token. In input order.

        One with a `base` is stored as a whole, unless there is a job of this id already.
        """
        ...

    def next_return(self, until: datetime) -> datetime | None:
        """The earliest `dateretry` of retried and interrupted jobs; None if there is none up to `until`."""
        ...

    def bring_back(self, now: datetime, limit: int) -> dict[str, int]:
        """Queue retried and interrupted jobs whose `dateretry` has come, at most `limit` of them.

        Returns how many went to which queue.
        """
        ...

    def move(self, job: JobId, to: Status, at: datetime, fields: Mapping[str, Any]) -> bool:
        """Cancel or requeue a job from outside, if the table of moves allows it.

        `fields`: new values of `queue`, `datequeued`, `retry_count`, `dateexpires` (None: unchanged). False: no
        such job, or the move is not allowed.
        """
        ...

    def count_matching(self, which: JobFilter) -> int:
        """How many jobs a filter fits. May take several queries; none of them is long."""
        ...

    def matching(self, which: JobFilter, limit: int) -> Page:
        """The first jobs that a filter fits, at most `limit`, in the order of their ids.

        There may be fewer and still be more behind `page.last`: go on with that as `which.after`.
        """
        ...

    def move_many(
        self, jobs: Sequence[JobId], which: JobFilter, to: Status, at: datetime, fields: Mapping[str, Any]
    ) -> int:
        """Like `move`, for those of the jobs that the filter still fits; how many were moved.

        Jobs that are in the status already are moved as well, where the table of moves allows it.
        """
        ...

    def set_progress(self, job: JobId, token: Token | None, ratio: float) -> None:
        """Store how far a started job is, from 0 to 1."""
        ...

    def fetch(self, job: JobId) -> JobRecord | None:
        """A job, whole."""
        ...

    def children(self, job: JobId, limit: int) -> list[JobId]:
        """Jobs that were queued by a job, oldest first, at most `limit`."""
        ...

    def standing(self, jobs: Sequence[JobId]) -> dict[JobId, Standing]:
        """Where jobs stand; those that are not there are left out."""
        ...

    def count(self, queue: str, statuses: frozenset[Status]) -> int:
        """How many jobs of a queue are in one of the statuses. `q/` counts all subqueues of q."""
        ...

    def count_due(self, queue: str, now: datetime) -> int:
        """How many jobs of a queue could be claimed now: those that wait, without those whose time has not come. `q/`
        counts all subqueues of q."""
        ...

    def count_by_queue(self, status: Status) -> dict[str, int]:
        """How many jobs are in a status, by queue."""
        ...

    def queue_names(self) -> set[str]:
        """Names of all queues of which there are job documents, of any status. Where finding out takes too long,
        those with waiting or running jobs."""
        ...

    def list_ids(self, queue: str, status: Status, skip: int, limit: int) -> list[JobId]:
        """Ids of a queue's jobs in a status, in the order of the queue."""
        ...

    def subqueues(self, root: str) -> set[str]:
        """Known subqueues `root/...` with queued or started jobs."""
        ...

    def remove_queue(self, queue: str) -> int:
        """Delete every job of a queue, whatever its status. Returns how many there were."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` jobs whose `dateexpires` is before a time: what a TTL index should have done. How
        many there were; 0 as well when there is no index to find them by."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """Create the indexes that are missing; names of those that were. `largest`: only if there are at most
        about so many documents, so that it takes no time worth speaking of (None: in any case)."""
        ...

    def missing_indexes(self) -> list[str]:
        """Names of the indexes without which claims get slow."""
        ...

    def ping(self) -> str:
        """Ask the server for a sign of life; what it is, in words ("MongoDB 6.0.5 at host:port")."""
        ...
