"""What a worker holds at the moment. One lock guards it: with threads several runs end at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mrq.domain.status import Status
from mrq.domain.worker import WorkerStatus

if TYPE_CHECKING:
    from mrq.domain.ids import JobId, Token, WorkerId
    from mrq.engine.run import Run
    from mrq.ports.runtime import Event


class WorkerState:
    """The runs of a worker, by job, from claim to settlement."""

    def __init__(self, worker: WorkerId, greenlets: int, unsettled_limit: int, kick: Event) -> None:
        self.worker = worker
        self.status = WorkerStatus.INIT
        self.done_jobs = 0  # of which the end is written, whatever it is
        self.finished = self.interrupted = self.handed_back = 0  # among them
        self.kick = kick  # set when the main loop should look again
        self.open_claims: set[Token] = set()  # sent, answer not known
        self.open_takes: dict[Token, frozenset[JobId]] = {}  # from raw queues: not yet runs
        self.quiet = False  # told to take no jobs
        self.greenlets = greenlets  # jobs that may run at the same time
        self._unsettled_limit = unsettled_limit
        self._held: dict[JobId, Run] = {}
        self._active: set[Run] = set()  # still in a fiber, or waiting for one
        self._started: set[Run] = set()  # of them: those that have a slot
        self._lock = threading.Lock()
        self._waits_for_slot = False

    def hold(self, runs: list[Run]) -> None:
        """These jobs were claimed."""
        with self._lock:
            for run in runs:
                self._held[run.job.id] = run
                self._active.add(run)

    def take_slot(self, run: Run) -> bool:
        """Start a run that is held. False: there is no slot free."""
        with self._lock:
            if self.full:
                return False
            if run in self._active:
                self._started.add(run)
            return True

    @property
    def full(self) -> bool:
        """Whether all slots are taken."""
        return len(self._started) >= self.greenlets

    def leave_slot(self, run: Run) -> None:
        """It was not started after all."""
        with self._lock:
            self._started.discard(run)

    def left_fiber(self, run: Run) -> None:
        """The run's fiber is out of the task: its slot is free. May be called twice."""
        with self._lock:
            run.ended = True
            self._active.discard(run)
            self._started.discard(run)
            wake = self._waits_for_slot or not self._active
        if wake:
            self.kick.set()

    def settled(self, runs: list[Run]) -> None:
        """The ends of these runs are written, or no longer ours to write."""
        with self._lock:
            for run in runs:
                if self._held.get(run.job.id) is run:
                    del self._held[run.job.id]
                if run.outcome is None or not run.outcome.untouched:
                    self.done_jobs += 1
                    self._tell_apart(run)
            wake = self._waits_for_slot or not self._held
        if wake:
            self.kick.set()

    def _tell_apart(self, run: Run) -> None:
        outcome = run.outcome
        if outcome is None or outcome.due is not None:
            return  # it was no longer ours, or waits for its turn elsewhere
        if outcome.at_front:
            self.handed_back += 1
        elif outcome.status is Status.INTERRUPT:
            self.interrupted += 1
        else:
            self.finished += 1

    def free(self, ahead: int = 0) -> int:
        """How many more jobs may be claimed. `ahead`: so many of them before there are slots for them."""
        with self._lock:
            free = self.greenlets + ahead - len(self._active)
            room = self._unsettled_limit - (len(self._held) - len(self._active))
            free = min(free, room)
            self._waits_for_slot = free <= 0
            return max(0, free)

    def resize(self, greenlets: int) -> None:
        """From now on so many jobs may run at the same time. Those that run already are left alone."""
        with self._lock:
            self.greenlets = greenlets
        self.kick.set()

    def active(self) -> list[Run]:
        """Runs that have not left their fiber, or wait for one."""
        with self._lock:
            return list(self._active)

    def running(self) -> list[Run]:
        """Those among them that have slots."""
        with self._lock:
            return list(self._started)

    def held(self) -> list[Run]:
        """Runs that are not settled."""
        with self._lock:
            return list(self._held.values())

    def holds(self, job: JobId, token: Token | None) -> bool:
        """Whether this job is held under this claim, or the claim's answer is still awaited."""
        with self._lock:
            run = self._held.get(job)
            if run is not None and run.job.token == token:
                return True
            return token in self.open_claims or token in self.open_takes

    def knows(self, job: JobId) -> bool:
        """Whether this job, taken from a raw queue, is held, or about to be."""
        with self._lock:
            return job in self._held or any(job in ids for ids in self.open_takes.values())

    def run_of(self, job: JobId) -> Run | None:
        """The run of a job that is held here."""
        with self._lock:
            return self._held.get(job)

    def busy_beside(self, waiting: list[Run]) -> bool:
        """Whether any job but these is held, or still runs though its end is written."""
        with self._lock:
            return any(run not in waiting for run in (*self._held.values(), *self._active))

    @property
    def runs(self) -> bool:
        """Whether any job runs, or waits for its fiber."""
        return bool(self._active)

    @property
    def busy(self) -> bool:
        """Whether any job is held."""
        return bool(self._held)
