"""One run of one job, while it lasts, and the variable through which the task finds it."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from mrq.engine.frames import stack_of_task, traceback_text
from mrq.exceptions import TimeoutInterrupt

if TYPE_CHECKING:
    from mrq.domain.ids import JobId
    from mrq.domain.iosums import IoSum
    from mrq.domain.job import ClaimedJob
    from mrq.domain.options import TaskOptions
    from mrq.domain.outcome import Outcome
    from mrq.domain.task import Task
    from mrq.engine.iotrace import IoWait
    from mrq.engine.subpools import Subpool
    from mrq.ports.runtime import Fiber
    from mrq.ports.semaphores import Permit
    from mrq.ports.spans import RunSpan
    from mrq.ports.tracing import RunTrace

_DECIDING = threading.Lock()


class Run:
    """A claimed job in this worker, from the claim until its end is written.

    Whoever decides first how it ended has decided: the task's return, its time-out, a shutdown.
    """

    __slots__ = (
        "deadline", "ended", "face", "fiber", "in_task", "interrupted", "io", "job", "memory", "options", "outcome",
        "permits", "pools", "progress", "shows_progress", "slot", "span", "started", "task", "took", "trace",
        "waits",
    )  # fmt: skip

    def __init__(self, job: ClaimedJob, options: TaskOptions) -> None:
        self.job = job
        self.options = options
        self.outcome: Outcome | None = None
        self.fiber: Fiber | None = None
        self.task: Task | None = None
        self.started: float | None = None  # monotonic seconds; None: not yet
        self.deadline: float | None = None  # monotonic seconds; None: may run for ever
        self.took: float | None = None  # seconds from the start to the end; None: not ended, or not started
        self.interrupted: float | None = None  # monotonic seconds of the first interruption
        self.slot = -1  # at the guard
        self.permits: tuple[Permit, ...] = ()  # to be released once the end is written
        self.progress: float | None = None  # to be written with the next report
        self.shows_progress = False
        self.in_task = False  # the task's own code runs: a signal may end it
        self.ended = False  # its fiber is out of the task
        self.face: object = None  # the Job that the task sees, once it has asked for it
        self.pools: set[Subpool] = set()  # that the task has open
        self.trace: RunTrace | None = None  # None: not traced
        self.span: RunSpan | None = None  # None: it is in no trace
        self.memory: int | None = None  # bytes by which the process grew; None: not measured
        self.waits: list[IoWait] = []  # oldest first; empty where I/O is not traced
        self.io: dict[str, IoSum] | None = None  # what it has waited for, by kind; None: nothing, or it is not traced

    def runs_in(self, fiber: Fiber) -> None:
        """The fiber that is about to run it."""
        self.fiber = fiber

    def begin(self, now: float) -> None:
        """The task starts."""
        self.started = now
        if self.options.timeout > 0:
            self.deadline = now + self.options.timeout

    def wait(self) -> None:
        """The task doesn't start yet: its time doesn't run, and nobody has to interrupt it."""
        self.started = self.deadline = None

    def where(self) -> str:
        """Where the task is now, as the lines of a traceback: its own frames, not those that called it."""
        return "" if self.fiber is None else stack_of_task(self.fiber.stack())

    def ended_by(self, exc: BaseException) -> str:
        """The text of a traceback that ends where the task is now, by an exception from outside."""
        return traceback_text(self.where(), exc)

    def overtime(self) -> TimeoutInterrupt:
        """What ends a run whose time is up."""
        return TimeoutInterrupt(f"the job ran longer than its timeout of {self.options.timeout:g} s")

    def close_pools(self) -> None:
        """The task is over: end the sub-pools that it left open, and wait until they have."""
        for pool in tuple(self.pools):
            pool.stop()

    def fibers(self) -> list[Fiber]:
        """What runs for it: its own fiber and those of its sub-pools."""
        own = [] if self.fiber is None else [self.fiber]
        return own + [fiber for pool in tuple(self.pools) for fiber in pool.fibers]

    def decide(self, outcome: Outcome) -> bool:
        """Settle how the run ended. False: that was decided before, and stands."""
        with _DECIDING:  # with threads, two could find it undecided
            if self.outcome is not None:
                return False
            self.outcome = outcome
            return True


current_run: ContextVar[Run | None] = ContextVar("mrq_current_run", default=None)
"""The run that this code belongs to. New fibers start without one: sub-pools hand it on."""


def current_job_id() -> JobId | None:
    """The id of the job that this code belongs to; None outside of one."""
    run = current_run.get()
    return None if run is None else run.job.id


class Process:
    """What belongs to the process rather than to a job."""

    worker: Any = None
    """The worker that it runs, if it runs one."""
