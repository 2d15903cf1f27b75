"""Write the ends of runs: collected for a few milliseconds, written together, kept until they are written."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from mrq.domain.change import Settlement, change_for
from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.domain.words import many
from mrq.engine.backoff import Backoff
from mrq.engine.ends import tell_end
from mrq.engine.execute import failure_of, storable
from mrq.engine.metrics import Metrics
from mrq.engine.outage import Outage
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.change import JobChange
    from mrq.engine.options import WorkerOptions
    from mrq.engine.run import Run
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.runtime import Runtime

log = logging.getLogger("mrq.worker")

LARGEST_BATCH = 1000


class Settler:
    """The group commit of a worker. `put` never blocks; `loop` runs in a fiber of its own."""

    def __init__(
        self,
        jobs: JobStore,
        state: WorkerState,
        runtime: Runtime,
        clock: Clock,
        options: WorkerOptions,
        metrics: Metrics | None = None,
        after: Callable[[list[Run]], object] = len,
    ) -> None:
        """`after`: told the runs whose ends are written, or refused for good."""
        self._jobs = jobs
        self._state = state
        self._runtime = runtime
        self._clock = clock
        self._window = options.settle_window
        self._waiting: deque[tuple[Run, Settlement]] = deque()
        self._lock = threading.Lock()
        self._something = runtime.event()
        self._backoff = Backoff()
        self._outage = Outage(log, clock)
        self._metrics = metrics or Metrics()
        self._after = after
        self.closing = False

    def put(self, run: Run) -> None:
        """A run's outcome is decided; see that it gets written."""
        outcome = run.outcome
        if outcome is None:
            raise RuntimeError("only a run with an outcome can be settled")
        try:
            change = self._change(run, outcome)
        except Exception as error:
            log.exception("job %s (%s): its end can't be put into words", run.job.id, run.job.path)
            outcome = run.outcome = Outcome(Status.FAILED, failure=failure_of(error))
            run.options = TaskOptions()  # what is set for the task is to blame
            change = self._change(run, outcome)
        tell_end(run, outcome)
        concern, journal = None, None
        if outcome.status is Status.SUCCESS and run.task is not None:
            concern, journal = run.task.status_success_update_w, run.task.status_success_update_j
        settlement = Settlement(run.job.id, run.job.token, change, concern, journal)
        with self._lock:
            self._waiting.append((run, settlement))
        self._something.set()

    def _change(self, run: Run, outcome: Outcome) -> JobChange:
        now, me = self._clock.now(), self._state.worker
        return change_for(run.job, outcome, run.options, now, me, shows_progress=run.shows_progress)

    def loop(self) -> None:
        """Write what comes until `close` is called and nothing is left."""
        while True:
            self._something.wait()
            if self._window and not self.closing and len(self._waiting) < LARGEST_BATCH:
                self._runtime.sleep(self._window)
            self._something.clear()
            batch = self._take()
            if batch:
                self._write(batch)
            if self._waiting:
                self._something.set()
            elif self.closing:
                return

    def close(self) -> None:
        """No outcome comes any more: write the rest and end."""
        self.closing = True
        self._something.set()

    def _take(self) -> list[tuple[Run, Settlement]]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_BATCH))]

    def _write(self, batch: list[tuple[Run, Settlement]]) -> None:
        settlements = [settlement for _, settlement in batch]
        while True:
            try:
                results = self._jobs.settle(settlements)
                break
            except StoreUnavailableError as error:
                self._outage.failed(f"{many(len(batch), 'outcome')} can't be written yet, MongoDB is away", error)
                self._runtime.sleep(self._backoff.failed())
        self._backoff.worked()
        self._outage.over(f"MongoDB is back: {many(len(batch), 'outcome')} written")
        self._metrics.statuses(
            settlement.change.status
            for settlement, result in zip(settlements, results, strict=True)
            if result.fate is Settled.WRITTEN
        )
        decided = []
        for (run, settlement), result in zip(batch, results, strict=True):
            if result.fate is Settled.UNSTORABLE:
                if not self._fail_instead(run, settlement, result.reason or ""):
                    decided.append(run)
                continue
            if result.fate is Settled.REFUSED:
                log.warning(
                    "job %s: its end (%s) was not written: the job was taken from this worker meanwhile, by "
                    "a rescue, a cancel or a requeue, and what was decided there stands",
                    run.job.id, settlement.change.status,
                )  # fmt: skip
            self._state.settled(run)
            decided.append(run)
        self._after(decided)

    def _fail_instead(self, run: Run, settlement: Settlement, reason: str) -> bool:
        """The end can't be stored as it is. That fails this job and no other, with less and less to store.
        False: nothing is left to try."""
        if settlement.change.status is not Status.FAILED:
            run.outcome = Outcome(Status.FAILED, failure=Failure("UnstorableResult", storable(reason)))
        elif settlement.change.failure is not None:
            log.error("job %s (%s): %s", run.job.id, run.job.path, reason)
            run.outcome = Outcome(Status.FAILED)
        else:
            log.critical("job %s: MongoDB refuses to store its end in any form; it stays started", run.job.id)
            self._state.settled(run)
            return False
        self.put(run)
        return True
