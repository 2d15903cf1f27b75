"""Tasks whose jobs compute for long and let no other job of the worker run meanwhile: what they are is learned here,
so that the others that wait start before them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

    from mrq.engine.run import Run
    from mrq.ports.clock import Clock

LONG = 0.05  # seconds; what is shorter makes nobody wait for long
MOSTLY = 0.8  # of its time a run computes; the rest is what the machine gives to other processes
REMEMBERED = 600.0  # seconds since the last such run of a task
MOST_TASKS = 1_000
RECENT = 0.005  # seconds for which a reading of the processor time is good enough: a tenth of what is long
LONGEST_HELD_BACK = 0.1  # seconds


@dataclass(slots=True)
class HeavyTasks:
    """What a worker knows of its tasks. A run is heavy when it was long, computed all the time, and no other run began
    or ended meanwhile: whoever waits while a heavy one computes sees that one end before itself."""

    clock: Clock
    cpu: Callable[[], float] = time.thread_time  # seconds that the thread of the caller has computed
    one_thread: bool = False  # all runs are in the same thread
    _turn: int = 0  # counts beginnings and ends
    _until: dict[str, float] = field(default_factory=dict)  # by task: monotonic seconds
    _latest: float = 0.0  # of them
    _read: float = 0.0  # seconds of processor time, when it was read last
    _read_at: float = float("-inf")  # monotonic seconds
    _held_back: list[Run] = field(default_factory=list)
    _held_since: float = 0.0  # monotonic seconds

    def begin(self, run: Run) -> tuple[int, float]:
        """A run begins, in the fiber of the caller: what `end` wants to know."""
        self._turn += 1
        if not self.one_thread or run.started is None:
            return self._turn, self.cpu()
        if run.started - self._read_at > RECENT:  # to read it costs as much as all the rest here
            self._read, self._read_at = self.cpu(), run.started
        return self._turn, self._read

    def end(self, run: Run, began: tuple[int, float]) -> None:
        """It is over, in the same fiber."""
        turn, cpu = began
        alone, self._turn = turn == self._turn, self._turn + 1
        if run.started is None:
            return
        now = self.clock.monotonic()
        took = now - run.started
        if took < LONG or self.cpu() - cpu < MOSTLY * took:  # so that one that was blamed for another is cleared
            self._until.pop(run.job.path, None)
        elif alone:
            if len(self._until) >= MOST_TASKS:
                self._until.clear()
            self._until[run.job.path] = self._latest = now + REMEMBERED

    @property
    def known(self) -> bool:
        """Whether any task is known to be heavy."""
        return bool(self._until) and self._latest > self.clock.monotonic()

    def is_heavy(self, task: str) -> bool:
        """Whether jobs of this task make others wait."""
        return bool(self._until) and self._until.get(task, 0.0) > self.clock.monotonic()

    # ---- jobs that let others go first

    def hold_back(self, run: Run) -> None:
        """This one is claimed, and doesn't start yet."""
        if not self._held_back:
            self._held_since = self.clock.monotonic()
        self._held_back.append(run)

    def must_start(self, active: Callable[[], Sized]) -> bool:
        """Whether those held back wait for nobody any more, or have waited long enough. `active`: gives the runs that
        hold slots, these included."""
        return bool(self._held_back) and (self.is_overdue or len(active()) <= len(self._held_back))

    @property
    def is_overdue(self) -> bool:
        """Whether those held back have waited long enough."""
        return not self.patience(LONGEST_HELD_BACK)

    def patience(self, longest: float) -> float:
        """Seconds until those held back have to start, at most `longest`."""
        if not self._held_back:
            return longest
        return min(longest, max(0.0, self._held_since + LONGEST_HELD_BACK - self.clock.monotonic()))

    def let_start(self) -> list[Run]:
        """They start now, those that were not given back meanwhile."""
        runs, self._held_back = self._held_back, []
        return [run for run in runs if run.outcome is None]
