"""The ends of jobs that are not stored: Redis alone knows of them, so it has to be asked whose they are.

Most of these ends leave no trace: the payload is let go, in batches. The others make the job's document, and only then
is the payload let go: a worker that dies in between leaves both, and the rescue finds that MongoDB has the job.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from mrq.domain.outcome import Outcome
from mrq.domain.redelivery import redelivery
from mrq.domain.status import Status
from mrq.engine.lane import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mrq.domain.change import Settlement
    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.job import RawOrigin
    from mrq.engine.lane import Window
    from mrq.engine.run import Run
    from mrq.engine.settling import Settler
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.raw import RawQueues
    from mrq.ports.runtime import Runtime

log = logging.getLogger("mrq.worker")

Holder = tuple[str, "WorkerId"]


class RawSettling:
    """Two lanes: ends that only Redis is told, and ends that MongoDB is told as well."""

    def __init__(
        self,
        jobs: JobStore,
        raw: RawQueues,
        runtime: Runtime,
        clock: Clock,
        window: Window,
        settler: Settler,
        returned: Callable[[set[str]], object],
    ) -> None:
        self._jobs = jobs
        self._raw = raw
        self._settler = settler
        self._returned = returned
        self._letting_go: Lane[tuple[Run, Outcome]] = Lane("Redis", self._let_go, runtime, clock, window)
        self._storing: Lane[tuple[Run, Settlement]] = Lane("MongoDB or Redis", self._store, runtime, clock, window)

    @property
    def loops(self) -> dict[str, Callable[[], None]]:
        """To be run in fibers of their own."""
        return {"raw storer": self._store_all, "raw settler": self._letting_go.loop}

    def close(self) -> None:
        """Nothing comes any more."""
        self._storing.close()

    def _store_all(self) -> None:
        self._storing.loop()
        self._letting_go.close()  # not before: what can't be stored may have to be let go instead

    def leaves_no_trace(self, run: Run, outcome: Outcome) -> bool:
        """Whether MongoDB is not to hear of an outcome."""
        return _goes_back(outcome) or outcome.status in origin(run).no_storage

    def let_go(self, run: Run, outcome: Outcome) -> None:
        """Have Redis told of an outcome that leaves no trace."""
        self._letting_go.put((run, outcome))

    def store(self, run: Run, settlement: Settlement) -> None:
        """Have an outcome stored, and its job with it."""
        self._storing.put((run, settlement))

    def _let_go(self, batch: list[tuple[Run, Outcome]]) -> None:
        back = [run for run, outcome in batch if _goes_back(outcome)]
        done = [(run, outcome) for run, outcome in batch if not _goes_back(outcome)]
        if back:
            self._letting_go.insist(lambda: self._put_back(back), len(back))
        taken = self._letting_go.insist(lambda: self._done(run for run, _ in done), len(done)) if done else set()
        for run, outcome in done:
            if run.job.id in taken:
                self._settler.refused(run, outcome.status)
        self._settler.counted([(run, outcome.status) for run, outcome in done if run.job.id not in taken])
        self._settler.noted([(run, Status.QUEUED) for run in back if run.outcome and not run.outcome.untouched])
        self._settler.settled([run for run, _ in batch])

    def _put_back(self, runs: list[Run]) -> None:
        for (root, worker), some in _by_holder(runs):
            self._raw.put_back(root, worker, {run.job.id: origin(run).queue for run in some})
        self._returned({origin(run).queue for run in runs})

    def _done(self, runs: Iterable[Run]) -> set[JobId]:
        taken: set[JobId] = set()
        for (root, worker), some in _by_holder(runs):
            taken |= self._raw.done(root, worker, [run.job.id for run in some])
        return taken

    def _store(self, batch: list[tuple[Run, Settlement]]) -> None:
        insist = self._storing.insist
        held = insist(lambda: self._held([run for run, _ in batch]), len(batch))
        gone = [run for run, _ in batch if run.job.id not in held]
        for run in gone:
            self._settler.refused(run, run.outcome.status if run.outcome else Status.FAILED)
        self._settler.settled(gone)
        ours = [(run, replace(settlement, base=run.job)) for run, settlement in batch if run.job.id in held]
        results = insist(lambda: self._jobs.settle([settlement for _, settlement in ours]), len(ours)) if ours else []
        answers = list(zip(ours, results, strict=True))
        for (run, _), result in answers:
            if result.about_base:
                self._keep_payload(run, result.reason)
        plain = [(each, result) for each, result in answers if not result.about_base]
        over = self._settler.written([each for each, _ in plain], [result for _, result in plain])
        if over:
            insist(lambda: self._done(over), len(over))
        self._settler.settled(over)

    def _keep_payload(self, run: Run, reason: str | None) -> None:
        """The job's params can't be stored: its payload is, in their place."""
        again = redelivery(origin(run))
        if run.outcome is None or run.job.path == again["path"]:
            log.critical("job %s: its payload can't be stored in any form; it is run again: %s", run.job.id, reason)
            self.let_go(run, Outcome(Status.QUEUED, at_front=True))
            return
        log.error("job %s (%s) is kept as its payload: %s", run.job.id, run.job.path, reason)
        run.job = replace(run.job, **again)
        self.store(run, self._settler.settlement(run, run.outcome))

    def _held(self, runs: list[Run]) -> set[JobId]:
        held: set[JobId] = set()
        for (root, worker), some in _by_holder(runs):
            held.update(each.id for each in self._raw.held(root, worker, [run.job.id for run in some]))
        return held


def origin(run: Run) -> RawOrigin:
    """Where the payload came from. Only runs from raw queues come here."""
    if run.job.raw is None:
        raise RuntimeError(f"job {run.job.id} is from no raw queue")
    return run.job.raw


def _goes_back(outcome: Outcome) -> bool:
    """Whether the run was handed back unfinished, to its old place."""
    return outcome.status is Status.QUEUED and outcome.at_front


def _by_holder(runs: Iterable[Run]) -> Iterator[tuple[Holder, list[Run]]]:
    groups: dict[Holder, list[Run]] = defaultdict(list)
    for run in runs:
        groups[origin(run).root, origin(run).worker].append(run)
    yield from groups.items()
