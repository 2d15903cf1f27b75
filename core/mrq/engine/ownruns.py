"""Jobs that are started, run or ended outside of a worker's loop, by somebody who has their ids."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from mrq.domain.change import Settlement, change_for
from mrq.domain.job import ClaimedJob
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.engine.run import Run
from mrq.exceptions import MrqError
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.outcome import Outcome
    from mrq.engine.patience import Patience
    from mrq.engine.tasks import TaskLoader
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.workers import WorkerStore

log = logging.getLogger("mrq.job")

SHORTEST, LONGEST = 60.0, 3000.0  # seconds; documents of silent workers vanish after an hour


@dataclass(slots=True)
class OwnRuns:
    """Starts single jobs in the name of a worker made for each, and writes the ends of runs.

    Such a worker states when it will be gone instead of beating; then its job is rescued.
    """

    jobs: JobStore
    workers: WorkerStore
    tasks: TaskLoader
    clock: Clock
    patience: Patience
    _names: dict[JobId, WorkerId] = field(default_factory=dict)

    def start(self, job: JobId, path: str) -> Run | None:
        """Start a job; its run, or None if it may not be started. `path`: of its task.

        Raises:
            StoreUnavailableError: it may have been started; then it is rescued after its time-out.
        """
        me, token = self.jobs.new_id(), self.jobs.new_id()
        options = self.tasks.options(path)
        seconds = min(LONGEST, max(SHORTEST, options.timeout or LONGEST))
        now = self.clock.now()
        self._register(me, now, seconds)
        self._register(me, self.workers.beat(me) or now, seconds)  # deadlines are judged by the database's time
        claimed = self.patience.through(lambda: self.jobs.start(job, me, token, now), f"job {job} waits for its start")
        if claimed is None:
            self.workers.stop(me, {"jobs": []})
            return None
        self._names[job] = me
        run = Run(claimed, options)
        run.begin(self.clock.monotonic())
        return run

    def _register(self, me: WorkerId, now: datetime, seconds: float) -> None:
        deadline = now + timedelta(seconds=seconds)
        self.workers.register(WorkerRecord(me, "by hand", now, seconds, deadline=deadline))

    def seen(self, job: JobId) -> Run | None:
        """A run that somebody else holds, as the database has it now: whoever ends it under the claim that is seen
        here ends that run and no later one. None: the job doesn't run."""
        record = self.jobs.fetch(job)
        if record is None or record.status is not Status.STARTED:
            return None
        claimed = ClaimedJob(
            record.id,
            record.token,
            record.path,
            record.params,
            record.queue,
            record.datequeued,
            record.datestarted or self.clock.now(),
            record.retry_count,
            record.losses,
            record.losses_alone,
        )
        return Run(claimed, self.tasks.options(record.path))

    def nameless(self, path: str, params: dict[str, Any]) -> Run:
        """A run of a job that has no id and is never stored."""
        now = self.clock.now()
        options = self.tasks.options(path)
        nobody = cast("JobId", None)
        return Run(ClaimedJob(nobody, None, path, params, options.queue or "default", now, now), options)

    def end(self, run: Run, outcome: Outcome) -> bool:
        """Write the end of a run. False: the job was taken from it meanwhile, and what was decided there stands.

        Raises:
            MrqError: the end can't be stored; the job is still started.
            StoreUnavailableError: the database stays away.
        """
        me = self._names.get(run.job.id)
        change = change_for(
            run.job, outcome, run.options, self.clock.now(), me, shows_progress=run.shows_progress
        )  # fmt: skip
        settlement = Settlement(run.job.id, run.job.token, change)
        (result,) = self.patience.through(
            lambda: self.jobs.settle([settlement]), f"the end of job {run.job.id} waits to be written"
        )
        if result.fate is Settled.UNSTORABLE:
            raise MrqError(f"job {run.job.id} ({run.job.path}): {result.reason}")
        if me is not None:
            del self._names[run.job.id]
            self.workers.stop(me, {"jobs": []})
        if result.fate is Settled.REFUSED:
            log.warning(
                "job %s: its end (%s) was not written: it was taken from here meanwhile", run.job.id, outcome.status
            )
        return result.fate is Settled.WRITTEN
