"""Jobs that are claimed a moment before there are slots for them: a slot that becomes free then starts its next job at
once, where it would otherwise stay empty for as long as a claim takes."""

from __future__ import annotations

import contextlib
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.engine.run import Run
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock

SOON = 0.05  # seconds in which a job that is claimed ahead should have its slot
LONGEST_RUNS = 0.1  # seconds: where runs take longer, nothing is claimed ahead, for a claim takes a few milliseconds
MOST = 4  # jobs ahead for each slot
SHARE = 0.05  # that the latest run has in the mean
LONGEST = 0.25  # seconds that a job waits for a slot: then it goes back, and others may have it
ON_THE_WAY = 0.02  # seconds in which it should have arrived
LONGEST_ON_THE_WAY = 1.0  # seconds for which others are not claimed before it has


@dataclass(slots=True)
class Ahead:
    """The runs of a worker that wait for slots, oldest first, and how many jobs may be claimed for which there is no
    slot yet: as many as will have one soon, by how long the latest runs took. Also when all slots have just been taken
    at the same moment, none waits for longer than a run takes.

    Without a lock: where runs are threads, two of them may start in another order than they came.
    """

    state: WorkerState
    clock: Clock
    may: Callable[[], bool]  # whether anything may be claimed ahead at present
    closed: bool = False  # what waits is somebody else's, or about to be
    allowed: int = 0  # jobs that may be claimed ahead now
    _line: deque[tuple[Run, float]] = field(default_factory=deque)  # with the monotonic seconds of their coming
    _plenty: bool = False  # the last claim found all that was wished
    _mean: float | None = None  # seconds that a run takes; None: not known
    _stocked: bool = False  # more than half of what is allowed ahead was there at the last look
    _going_back: list[Run] = field(default_factory=list)  # that is not written yet
    _went_at: float = 0.0  # monotonic seconds

    # ---- how many

    def room(self) -> int:
        """How many jobs may be claimed now. 0 while more than half of what is allowed ahead is still there: a claim for
        each single one would cost more than it brings. And while any is about to go back, or one behind it might start
        before it."""
        self.allowed = self._soon() if self._plenty and self.state.greenlets > 1 and self.may() else 0
        self._stocked = 2 * len(self._line) > self.allowed
        return 0 if self._stocked or self._is_going_back() else self.state.free(self.allowed)

    def _soon(self) -> int:
        """Slots that become free soon."""
        if self._mean is None or self._mean > LONGEST_RUNS:
            return 0
        return int(self.state.greenlets * (SOON / max(self._mean, SOON / MOST)))

    def _is_going_back(self) -> bool:
        if self._going_back:
            late = self.clock.monotonic() > self._went_at + LONGEST_ON_THE_WAY  # the database is away
            self._going_back = [] if late else [run for run in self._going_back if self.state.run_of(run.job.id) is run]
        return bool(self._going_back)

    def claimed(self, wish: int, taken: int) -> None:
        """A claim is answered. Where it found less than was wished, nothing is claimed ahead: what little is there is
        for whoever has slots."""
        self._plenty = taken == wish

    def ended(self, took: float | None) -> None:
        """A run has ended, after so many seconds (None: it never started). Where others wait for slots and become few,
        the worker looks for more."""
        if took is not None:
            self._mean = took if self._mean is None else self._mean + SHARE * (took - self._mean)
        if self._stocked and 2 * len(self._line) <= self.allowed:
            self._stocked = False
            self.state.kick.set()

    # ---- those that wait

    def line_up(self, run: Run, now: float) -> None:
        """This one starts when all before it have, and there is a slot. `now`: monotonic seconds."""
        self._line.append((run, now))

    def next(self) -> Run | None:
        """The next one that starts now, and has its slot. None where the worker was suspended: it has to find out first
        whether what waits is still its own."""
        while self._line and not self.closed:
            if not self._left():
                self.state.kick.set()
                return None
            try:
                first = run, _ = self._line.popleft()
            except IndexError:  # a thread was quicker
                return None
            if run.outcome is not None:
                continue
            if self.state.take_slot(run):
                return run
            self._line.appendleft(first)
            if self.state.full:  # else a thread has left its slot meanwhile, and found nobody in line
                return None
        return None

    def again(self, run: Run) -> None:
        """It could not be started: it is the next one again."""
        self.state.leave_slot(run)
        self._line.appendleft((run, self.clock.monotonic()))

    def patience(self, longest: float) -> float:
        """Seconds until the oldest has waited long enough, or until it is worth looking whether those that went back
        have arrived; at most `longest`."""
        if self._going_back:
            return min(longest, ON_THE_WAY)
        return min(longest, self._left())

    def _left(self) -> float:
        try:
            _, since = self._line[0]
        except IndexError:
            return math.inf
        return max(0.0, since + LONGEST - self.clock.monotonic())

    def overdue(self) -> list[Run]:
        """All of them, when the oldest has waited long enough. Nothing more is claimed ahead until runs have ended:
        those that have the slots now take longer than those before them."""
        if self._left():
            return []
        self._plenty, self._mean = False, None
        return self.all()

    def all(self) -> list[Run]:
        """All of them. They wait no longer, and have to go back."""
        found: list[Run] = []
        with contextlib.suppress(IndexError):
            while True:
                found.append(self._line.popleft()[0])
        if found:
            self._going_back, self._went_at = self._going_back + found, self.clock.monotonic()
        return [run for run in found if run.outcome is None]
