"""What is written about a job when a run of it has ended: decided here, written by a store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.attempt import AttemptEnd, attempt_of, end_of
from mrq.domain.outcome import Failure
from mrq.domain.status import Status

if TYPE_CHECKING:
    from mrq.domain.attempt import Attempt
    from mrq.domain.ids import JobId, Token, WorkerId
    from mrq.domain.iosums import IoSum
    from mrq.domain.job import ClaimedJob
    from mrq.domain.options import TaskOptions
    from mrq.domain.outcome import Outcome
    from mrq.domain.usage import Usage


NEVER = datetime(9999, 12, 31)  # noqa: DTZ001 - naive and in UTC, as all times here
"""The last day that there is."""


def after(moment: datetime, seconds: float) -> datetime:
    """So many seconds later. Who sets a lifetime of a million years means never."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return NEVER if seconds > 0 else moment


@dataclass(slots=True)
class JobChange:
    """The new values of a started job. None leaves a field as it is, if not said otherwise.

    Not frozen, and neither is a Settlement, only because a frozen dataclass costs twice the time to make, once a job;
    nothing changes them.
    """

    status: Status
    at: datetime
    expires: datetime | None  # None: the job stays until something else happens to it
    totaltime: float | None = None
    result: Any = None  # None: no result is stored
    failure: Failure | None = None  # also appended to the job's history
    worker: WorkerId | None = None  # who ran it, for the history
    queue: str | None = None
    datequeued: datetime | None = None  # the new place in the queue
    due: datetime | None = None  # queued: not to be started before; None removes an old one
    has_slot: bool = False  # queued: its turn under the task's rate is at `due`
    dateretry: datetime | None = None  # from when on it returns by itself; None removes an old one
    retry_count: int | None = None
    losses: int | None = None
    losses_alone: int | None = None
    overruns: int | None = None
    progress: float | None = None
    usage: Usage | None = None
    deploy: str = ""
    io: tuple[IoSum, ...] | None = None  # of this run, where that was traced
    started: datetime | None = None  # when this run began; only with `io`
    memory_diff: int | None = None  # bytes
    attempt: Attempt | None = None  # to be kept beside what the other fields say of it

    @property
    def group(self) -> str | None:
        """The fingerprint of the failures among which the job is from now on; None: it is no failure."""
        return None if self.failure is None or self.attempt is None else self.attempt.fingerprint


@dataclass(slots=True)
class Settlement:
    """A change and the claim under which alone it may be written.

    `base`: a job that was never stored; its document is made by this very write.
    """

    id: JobId
    token: Token | None
    change: JobChange
    write_concern: int | str | None = None  # None: majority
    journal: bool | None = None
    base: ClaimedJob | None = None


def change_for(
    job: ClaimedJob,
    outcome: Outcome,
    options: TaskOptions,
    now: datetime,
    worker: WorkerId | None,
    *,
    shows_progress: bool = False,
    usage: Usage | None = None,
    deploy: str = "",
    io: tuple[IoSum, ...] | None = None,
    memory_diff: int | None = None,
) -> JobChange:
    """Turn an outcome into what is to be written. TTLs follow MRQ 0.9: results count from now, the others
    from when the job was queued. `shows_progress`: the job has told how far it is; a success makes that 1.
    `deploy`: the version of the code. `io`: what the run waited for. A success is its own record; any other run is
    also kept as an attempt."""
    success = outcome.status is Status.SUCCESS
    base = JobChange(
        status=outcome.status,
        at=now,
        expires=after(now, options.result_ttl) if success else None,
        totaltime=(now - job.datestarted).total_seconds(),
        result=outcome.result if success else None,
        failure=outcome.failure,
        worker=worker,
        retry_count=outcome.retry_count,
        queue=outcome.queue,
        overruns=job.overruns + 1 if outcome.overran else None,
        progress=1.0 if success and shows_progress else None,
        usage=usage,
        deploy=deploy,
        io=io,
        started=None if io is None else job.datestarted,
        memory_diff=memory_diff,
    )
    if success:
        return base
    if base.status is Status.QUEUED and outcome.due is not None:
        return replace(base, datequeued=outcome.due, due=outcome.due, has_slot=outcome.has_slot)
    base = replace(base, attempt=attempt_of(job, end_of(outcome), now, worker, outcome.failure, usage, deploy, io))
    if base.status is Status.ABORT:
        return replace(base, expires=after(now, options.abort_ttl))
    if base.status is Status.QUEUED:
        return replace(base, datequeued=None if outcome.at_front else now)
    expires = after(job.datequeued or now, options.default_ttl)
    if outcome.delay is None:
        return replace(base, expires=expires)
    back = after(now, outcome.delay)
    # a job that comes back must not expire while it waits
    return replace(base, dateretry=back, expires=max(expires, after(back, options.default_ttl)))


def unclaimed(job: ClaimedJob, now: datetime) -> JobChange:
    """A job goes back as if it had not been claimed: to its place, with its turn under the rate of its task."""
    due = job.datequeued if job.has_slot else None
    return JobChange(status=Status.QUEUED, at=now, expires=None, due=due, has_slot=job.has_slot)


def loss_of(
    job: ClaimedJob, *, was_running: bool, max_losses: int, ttl: float, now: datetime, worker: WorkerId
) -> JobChange:
    """What a worker's death means for a job it held.

    A job that was only claimed goes back as if nothing had happened. One that ran has lost a worker: back to
    the front of its queue, or, when that happened `max_losses` times while it ran alone, failed. Losses in
    company prove nothing against a job, so they only lead to its being run alone.
    """
    if not was_running:
        return unclaimed(job, now)
    losses, alone = job.losses + 1, job.losses_alone + job.alone
    if alone < max_losses:
        return JobChange(
            status=Status.QUEUED, at=now, expires=None, losses=losses, losses_alone=alone,
            attempt=attempt_of(job, AttemptEnd.LOST, now, worker),
        )  # fmt: skip
    text = (
        f"WorkerLost: the worker died {losses} times while this job was running, {alone} of them while it ran "
        "alone, so it is not tried again. Look for os._exit, a crash in native code, or memory "
        "exhaustion; requeue the job once the cause is gone."
    )
    failure = Failure("WorkerLost", text)
    return JobChange(
        status=Status.FAILED,
        at=now,
        expires=after(job.datequeued or now, ttl),
        totaltime=(now - job.datestarted).total_seconds(),
        failure=failure,
        worker=worker,
        losses=losses,
        losses_alone=alone,
        attempt=attempt_of(job, AttemptEnd.LOST, now, worker, failure),
    )


LOSSES_BEFORE_ALONE = 2
"""After this many losses a job is run alone, so that it can't take its neighbours along."""


def must_run_alone(job: ClaimedJob) -> bool:
    """Whether a job has lost so many workers that nothing else may run beside it."""
    return job.losses >= LOSSES_BEFORE_ALONE


MOST_OVERRUNS = 2
"""After so many ends of bursts that came before its own a job is left to containers: one in a hundred runs takes longer
than the p99 of its task, but hardly the same job twice."""
