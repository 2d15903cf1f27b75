"""A job store and short words for what the contract tests do with it. Times are seconds after NOW."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.change import JobChange, Settlement
from mrq.domain.job import ClaimedJob, JobRecord, NewJob
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.ports.jobs import Claim, JobStore, Settled, SettleResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import JobId, Token, WorkerId

NOW = datetime(2026, 1, 5, 12, 0, 0)
TASK = "tasks.Fetch"


def at(seconds: float) -> datetime:
    """A time, so many seconds after NOW."""
    return NOW + timedelta(seconds=seconds)


@dataclass
class JobKit:
    """`put` writes a document past the port, as another version of MRQ would have left it."""

    store: JobStore
    put: Callable[[dict[str, Any]], None]
    database: Any = None  # MongoDB's, None in memory
    worker: WorkerId = field(init=False)

    def __post_init__(self) -> None:
        self.worker = self.store.new_id()

    def new(
        self, params: dict[str, Any] | None = None, queue: str = "default", path: str = TASK, placed: float = 0.0,
        due: float | None = None,
    ) -> NewJob:  # fmt: skip
        """A job that is not queued yet."""
        place = at(placed if due is None else due)
        when = None if due is None else at(due)
        return NewJob(self.store.new_id(), path, {} if params is None else params, queue, place, when)

    def queue(self, *jobs: NewJob, **about: Any) -> JobId:
        """Queue the given jobs, or a new one; the id of the last."""
        jobs = jobs or (self.new(**about),)
        self.store.insert(jobs)
        return jobs[-1].id

    def claim(
        self, queue: str = "default", limit: int = 10, now: float = 0.0, *, worker: WorkerId | None = None,
        token: Token | None = None, only: set[str] | None = None, never: set[str] | None = None,
        paused: set[str] | None = None, after: str | None = None, for_burst: bool = False,
    ) -> list[ClaimedJob]:  # fmt: skip
        """Claim jobs of a queue in the kit's worker's name."""
        claim = self._claim(queue, limit, now, only, never, paused)
        chosen = {"worker": worker or claim.worker, "token": token or claim.token, "after": after}
        return self.store.claim(replace(claim, for_burst=for_burst, **chosen))

    def waits(
        self, queue: str = "default", now: float = 0.0, *, only: set[str] | None = None, never: set[str] | None = None,
        paused: set[str] | None = None, for_burst: bool = False,
    ) -> bool:  # fmt: skip
        """Whether there is something to claim."""
        return self.store.waits(replace(self._claim(queue, 10, now, only, never, paused), for_burst=for_burst))

    def _claim(
        self, queue: str, limit: int, now: float, only: set[str] | None, never: set[str] | None,
        paused: set[str] | None,
    ) -> Claim:  # fmt: skip
        lists = [frozenset(each or ()) for each in (only, never, paused)]
        return Claim(parse_queue(queue), limit, self.worker, self.store.new_id(), at(now), *lists)

    def started(self, **about: Any) -> ClaimedJob:
        """A job that was just queued and claimed, in a queue of its own if none is named."""
        about.setdefault("queue", f"own-{self.store.new_id()}")
        job_id = self.queue(**about)
        (claimed,) = self.claim(about["queue"])
        assert claimed.id == job_id
        return claimed

    def settle(self, job: ClaimedJob, status: Status = Status.SUCCESS, **fields: Any) -> SettleResult:
        """Write the end of a run."""
        return self.store.settle([self.ending(job, status, **fields)])[0]

    def ending(self, job: ClaimedJob, status: Status = Status.SUCCESS, **fields: Any) -> Settlement:
        """The end of a run, as it would be written."""
        fields = {"at": at(60), "expires": None, **fields}
        return Settlement(job.id, job.token, JobChange(status=status, **fields))

    def ended(self, status: Status = Status.SUCCESS, **fields: Any) -> ClaimedJob:
        """A job that has run and ended."""
        job = self.started()
        assert self.settle(job, status, **fields).fate is Settled.WRITTEN
        return job

    def in_status(self, status: Status) -> JobId:
        """A job that has got into a status on a usual way."""
        match status:
            case Status.QUEUED:
                return self.queue()
            case Status.STARTED:
                return self.started().id
            case Status.CANCEL:
                job_id = self.queue()
                assert self.store.move(job_id, Status.CANCEL, at(1), {})
                return job_id
            case _:
                return self.ended(status).id

    def read(self, job: JobId) -> JobRecord:
        """The job's document, which must be there."""
        record = self.store.fetch(job)
        assert record is not None
        return record

    def status(self, job: JobId) -> Status:
        """Where the job stands."""
        return self.read(job).status
