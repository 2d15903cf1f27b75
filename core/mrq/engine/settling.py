"""Write the ends of runs: collected for a few milliseconds, written together, kept until they are written."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mrq.domain.change import Settlement, change_for, unclaimed
from mrq.domain.iosums import largest
from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.stats import counted_as
from mrq.domain.status import Status
from mrq.engine.ends import tell_end
from mrq.engine.execute import failure_of, storable
from mrq.engine.lane import LARGEST_BATCH, Lane, Window
from mrq.engine.metrics import Metrics
from mrq.engine.raw_settling import RawSettling
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from mrq.domain.change import JobChange
    from mrq.domain.exposition import Totals
    from mrq.engine.collector import Collector
    from mrq.engine.options import WorkerOptions
    from mrq.engine.run import Run
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore, SettleResult
    from mrq.ports.raw import RawQueues
    from mrq.ports.runtime import Runtime

__all__ = ["LARGEST_BATCH", "Settler"]

log = logging.getLogger("mrq.worker")


class Settler:
    """The group commit of a worker. `put` never blocks; `loop` runs in a fiber of its own.

    Jobs that are not stored have lanes of their own, with loops of their own (`raw_loops`): a Redis that is away must
    not hold up what MongoDB is to be told, nor the other way round.
    """

    def __init__(
        self,
        jobs: JobStore,
        state: WorkerState,
        runtime: Runtime,
        clock: Clock,
        options: WorkerOptions,
        metrics: Metrics | None = None,
        after: Callable[[list[Run]], object] = len,
        *,
        raw: RawQueues | None = None,
        returned: Callable[[set[str]], object] = len,
        collector: Collector | None = None,
        totals: Totals | None = None,
        later: Callable[[datetime], object] = str,
    ) -> None:
        """`returned`: told the queues to which jobs or payloads returned. `after`: told the runs whose ends are
        written, or are no longer ours to write. `later`: told the times at which jobs are to return."""
        self._jobs = jobs
        self._state = state
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._collector, self._totals = collector, totals
        self._after, self._later, self._returned = after, later, returned
        self._deploy = options.deploy
        self._back: set[str] = set()  # queues to which jobs went back untouched, and who serves them isn't told yet
        window = Window(options.settle_window, lambda: state.runs)
        self._lane: Lane[tuple[Run, Settlement]] = Lane("MongoDB", self._write, runtime, clock, window)
        self._raw = None if raw is None else RawSettling(jobs, raw, runtime, clock, window, self, returned)

    def put(self, run: Run) -> None:
        """A run's outcome is decided; see that it gets written."""
        if run.outcome is None:
            raise RuntimeError("only a run with an outcome can be settled")
        if run.took is None and run.started is not None:
            run.took = self._clock.monotonic() - run.started
        raw = None if run.job.raw is None or run.job.raw.stored else self._raw
        if raw is not None and raw.leaves_no_trace(run, run.outcome):
            tell_end(run, run.outcome)
            raw.let_go(run, run.outcome)
            return
        settlement = self.settlement(run, run.outcome)
        tell_end(run, run.outcome)
        if raw is None:
            self._lane.put((run, settlement))
        else:
            raw.store(run, settlement)

    def give_back(self, run: Run) -> bool:
        """A run that never started: its job goes back as if it had not been claimed. False: it has ended otherwise."""
        if not run.decide(Outcome(Status.QUEUED, at_front=True, untouched=True)):
            return False
        self.put(run)
        self._state.left_fiber(run)
        return True

    def settlement(self, run: Run, outcome: Outcome) -> Settlement:
        """What is to be written about a run. Its outcome becomes a failure when it can't be put into words."""
        try:
            change = self._change(run, outcome)
        except Exception as error:
            log.exception("job %s (%s): its end can't be put into words", run.job.id, run.job.path)
            outcome = run.outcome = Outcome(Status.FAILED, failure=failure_of(error))
            run.options = TaskOptions()  # what is set for the task is to blame
            change = self._change(run, outcome)
        concern, journal = None, None
        if outcome.status is Status.SUCCESS and run.task is not None:
            concern, journal = run.task.status_success_update_w, run.task.status_success_update_j
        return Settlement(run.job.id, run.job.token, change, concern, journal)

    def _change(self, run: Run, outcome: Outcome) -> JobChange:
        now, me = self._clock.now(), self._state.worker
        if outcome.untouched:
            return unclaimed(run.job, now)
        usage = None if run.trace is None else run.trace.usage()
        io = None if run.io is None else largest(tuple(run.io.values()))
        return change_for(
            run.job, outcome, run.options, now, me,
            shows_progress=run.shows_progress, usage=usage, deploy=self._deploy, io=io, memory_diff=run.memory,
        )  # fmt: skip

    def loop(self) -> None:
        """Write what comes until `close` is called and nothing is left."""
        self._lane.loop()

    @property
    def raw_loops(self) -> dict[str, Callable[[], None]]:
        """The loops for jobs that are not stored, by name."""
        return {} if self._raw is None else self._raw.loops

    def close(self) -> None:
        """No outcome comes any more: write the rest and end."""
        self._lane.close()
        if self._raw is not None:
            self._raw.close()

    def _write(self, batch: list[tuple[Run, Settlement]]) -> None:
        settlements = [settlement for _, settlement in batch]
        results = self._lane.insist(lambda: self._jobs.settle(settlements), len(batch))
        self.settled(self.written(batch, results))

    def written(self, batch: Iterable[tuple[Run, Settlement]], results: Iterable[SettleResult]) -> list[Run]:
        """See to what MongoDB said; the runs that are over."""
        over: list[Run] = []
        ended: list[tuple[Run, Status]] = []
        for (run, settlement), result in zip(batch, results, strict=True):
            if result.fate is Settled.UNSTORABLE:
                if not self._fail_instead(run, settlement, result.reason or ""):
                    over.append(run)
                continue
            if result.fate is Settled.REFUSED:
                self.refused(run, settlement.change.status)
            elif run.outcome is not None and run.outcome.untouched:
                self._back.add(run.job.queue)
            else:
                ended.append((run, settlement.change.status))
                if settlement.change.dateretry is not None:
                    self._later(settlement.change.dateretry)
            over.append(run)
        self.counted(ended)
        return over

    def counted(self, ended: Sequence[tuple[Run, Status]]) -> None:
        """Runs have ended like this, and that is written, or needs no writing."""
        self._metrics.statuses(status for _, status in ended)
        self.noted(ended)

    def noted(self, ended: Sequence[tuple[Run, Status]]) -> None:
        """Runs have ended like this: for the statistics alone."""
        if self._collector is not None and ended:
            self._collector.ended(ended)
        if self._totals is not None:
            for run, status in ended:
                queue = run.job.queue if run.job.raw is None else run.job.raw.queue
                self._totals.ended(counted_as(queue), run.job.path, status, run.took)

    def refused(self, run: Run, status: Status) -> None:
        """Say that an end was not ours to write."""
        log.warning(
            "job %s: its end (%s) was not written: the job was taken from this worker meanwhile, by "
            "a rescue, a cancel or a requeue, and what was decided there stands",
            run.job.id, status,
        )  # fmt: skip

    def settled(self, runs: list[Run]) -> None:
        """These runs are over."""
        if runs:
            self._state.settled(runs)
            self._after(runs)
        if self._back:  # last, for this asks Redis
            back, self._back = self._back, set()
            self._returned(back)

    def _fail_instead(self, run: Run, settlement: Settlement, reason: str) -> bool:
        """The end can't be stored as it is. That fails this job and no other, with less and less to store. False:
        there is nothing left to try."""
        if settlement.change.status is not Status.FAILED:
            run.outcome = Outcome(Status.FAILED, failure=Failure("UnstorableResult", storable(reason)))
        elif settlement.change.failure is not None:
            log.error("job %s (%s): %s", run.job.id, run.job.path, reason)
            run.outcome = Outcome(Status.FAILED)
        else:
            log.critical("job %s: MongoDB refuses to store its end in any form; it stays started", run.job.id)
            return False
        self.put(run)
        return True
