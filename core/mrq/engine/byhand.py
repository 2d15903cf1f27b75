"""Jobs that are taken outside of a worker's loop: in the name of a worker that states when it will be gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.domain.change import Settlement, change_for, unclaimed
from mrq.domain.outcome import Outcome
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.engine.raw_source import RawSource
from mrq.engine.run import Run
from mrq.engine.state import WorkerState
from mrq.ports.jobs import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mrq.domain.ids import WorkerId
    from mrq.domain.job import ClaimedJob
    from mrq.domain.outcome import Failure
    from mrq.domain.queuename import QueueName
    from mrq.engine.raw_settings import RawSettings
    from mrq.engine.tasks import TaskLoader
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.raw import RawQueues
    from mrq.ports.runtime import Runtime
    from mrq.ports.workers import WorkerStore

FIRST_DEADLINE = 60.0  # seconds: for the claim alone
LONGEST = 3000.0  # seconds: documents of silent workers vanish after an hour


@dataclass(frozen=True)
class HandTaker:
    """Takes jobs for somebody who runs them himself."""

    jobs: JobStore
    workers: WorkerStore
    clock: Clock
    tasks: TaskLoader
    only: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()

    def take(self, queue: QueueName, limit: int, paused: frozenset[str] = frozenset()) -> Iterator[Run]:
        """Take up to `limit` jobs in the name of a new worker and yield their runs; what is not asked for goes back.

        The worker counts as dead after the sum of the jobs' time-outs, at most LONGEST seconds: then a rescue takes
        what has not ended.

        Raises:
            StoreUnavailableError: what may have been taken is rescued after FIRST_DEADLINE seconds.
        """
        me = self.jobs.new_id()
        self._register(me, FIRST_DEADLINE, self.clock.now())
        left = [Run(job, self.tasks.options(job.path)) for job in self._claim(me, queue, limit, paused)]
        if not left:
            self.workers.stop(me, {"jobs": []})
            return
        spans = sum(run.options.timeout or LONGEST for run in left)
        self._register(me, min(LONGEST, max(FIRST_DEADLINE, spans)), self.workers.beat(me) or self.clock.now())
        try:
            while left:
                run = left.pop(0)
                run.begin(self.clock.monotonic())
                yield run
        finally:
            if left:
                now = self.clock.now()
                self.jobs.settle([Settlement(run.job.id, run.job.token, unclaimed(run.job, now)) for run in left])

    def _claim(self, me: WorkerId, queue: QueueName, limit: int, paused: frozenset[str]) -> list[ClaimedJob]:
        claim = Claim(queue, max(0, limit), me, self.jobs.new_id(), self.clock.now(), self.only, self.never, paused)
        return self.jobs.claim(claim)

    def _register(self, me: WorkerId, seconds: float, now: datetime) -> None:
        self.workers.register(WorkerRecord(me, "by hand", now, seconds, deadline=now + timedelta(seconds=seconds)))


@dataclass(frozen=True, kw_only=True)
class RawHandTaker(HandTaker):
    """The same for raw queues. The jobs are stored, whatever is set for the queue: only so they can be rescued."""

    raw: RawQueues
    settings: RawSettings
    runtime: Runtime

    def _claim(self, me: WorkerId, queue: QueueName, limit: int, paused: frozenset[str]) -> list[ClaimedJob]:
        taken: list[ClaimedJob] = []

        def fail(job: ClaimedJob, failure: Failure) -> None:
            outcome = Outcome(Status.FAILED, failure=failure)
            change = change_for(job, outcome, self.tasks.options(job.path), self.clock.now(), me)
            self.jobs.settle([Settlement(job.id, job.token, change)])

        source = RawSource(
            self.raw, self.jobs, WorkerState(me, limit, limit, self.runtime.event()), self.clock,
            {queue.root: replace(self.settings, no_storage=frozenset())},
            accept=taken.extend, reject=fail, fresh=lambda: True,
        )  # fmt: skip
        while len(taken) < limit and source.take(queue, limit - len(taken), paused):
            pass
        return taken
