"""A worker whose end is known beforehand, as that of a Lambda invocation is: how much time is left, and which jobs
fit into it."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from mrq.domain.queuename import QueueName
    from mrq.engine.claiming import Source
    from mrq.engine.tasks import TaskLoader
    from mrq.ports.clock import Clock


LAST_MOMENT = 0.3  # seconds before the end in which nothing is waited for any more
SIGNING_OFF = 1.0  # seconds before the end from which on no end of a job is waited for


class Budget:
    """The time of one worker. Its lease is stated once: the end; it writes no heartbeat."""

    def __init__(self, clock: Clock, seconds: float, margin: float, needs: Callable[[str], float | None]) -> None:
        """`seconds`: from now until the process may be killed. `margin`: so many seconds before that what still runs is
        interrupted and handed back; at most half of the time.
        `needs`: how many seconds a job of a task takes, by the path of the task; None: nobody knows."""
        self._clock = clock
        self._needs = needs
        self.margin = min(margin, seconds / 2)
        self.ends = clock.monotonic() + seconds  # monotonic seconds
        self.whole = seconds - self.margin  # seconds that a job may take at most
        self.given_back = 0  # jobs that were claimed before it was known that they don't fit
        self._seen: dict[str, float] = {}
        self._closed: set[str] = set()

    @property
    def left(self) -> float:
        """Seconds until jobs are interrupted; 0 from then on."""
        return max(0.0, self.ends - self.margin - self._clock.monotonic())

    @property
    def remaining(self) -> float:
        """Seconds until the process may be killed."""
        return self.ends - self._clock.monotonic()

    @property
    def turns_until(self) -> float:
        """Monotonic seconds until which the main loop may take to see that its time is up: a server may be silent."""
        return self.ends - 0.75 * self.margin

    @property
    def interrupts_until(self) -> float:
        """Monotonic seconds until which interrupted jobs may take to end: half of the margin is for the writes."""
        return self.ends - self.margin / 2

    @property
    def writes_until(self) -> float:
        """Monotonic seconds until which ends may be written."""
        return self.ends - min(SIGNING_OFF, self.margin / 4)

    @property
    def leaves_by(self) -> float:
        """Monotonic seconds until which anything may be waited for: the rest is for the process to leave."""
        return self.ends - min(LAST_MOMENT, self.margin / 8)

    def deadline(self, now: datetime) -> datetime:
        """The end, as a time."""
        return now + timedelta(seconds=max(0.0, self.remaining))

    # ---- jobs

    def fits(self, path: str) -> bool:
        """Whether a job of this task fits into the time that is left."""
        return self._need(path) <= self.left

    def is_overrun(self, path: str, seconds: float) -> bool:
        """Whether a job of this task that has run for so long should have ended by now."""
        return seconds >= self._need(path)

    def look_at(self, paths: Iterable[str]) -> None:
        """These tasks may come: find out at once how long they take."""
        for path in paths:
            self._need(path)

    def unfit(self) -> frozenset[str]:
        """The tasks, as far as they were seen, whose jobs don't fit into the time that is left."""
        left = self.left
        return frozenset(path for path, need in self._seen.items() if need > left)

    def too_long(self) -> dict[str, float | None]:
        """The tasks that were seen whose jobs fit into no such budget, with the seconds that they take (None: not
        known)."""
        return {
            path: need if math.isfinite(need) else None
            for path, need in sorted(self._seen.items())
            if need > self.whole
        }

    def _need(self, path: str) -> float:
        if path not in self._seen:
            need = self._needs(path)
            self._seen[path] = math.inf if need is None else need
        return self._seen[path]

    # ---- raw queues: what is in them is known only once it is taken

    def close(self, root: str) -> None:
        """A job of this raw queue doesn't fit: nothing more is taken from there."""
        self._closed.add(root)

    def is_closed(self, root: str) -> bool:
        """Whether nothing is to be taken from a raw queue."""
        return root in self._closed


class OpenRoots:
    """A source of raw jobs without the queues that a budget has closed. See mrq.engine.claiming.Source."""

    def __init__(self, source: Source, budget: Budget) -> None:
        self._source = source
        self._budget = budget

    def take(self, queue: QueueName, limit: int, paused: frozenset[str]) -> int:
        """See Source."""
        return 0 if self._budget.is_closed(queue.root) else self._source.take(queue, limit, paused)

    def recover(self) -> int:
        """See Source."""
        return self._source.recover()


def needs_of(tasks: TaskLoader, measured: Callable[[str], float | None]) -> Callable[[str], float | None]:
    """How long a job of a task takes: what was `measured` (seconds that nearly all its jobs stay below), else what is
    declared as its `burst_limit`; never longer than its time-out. The time-out itself says nothing: an hour, mostly.

    The task is imported for it.
    """

    def need(path: str) -> float | None:
        options = tasks.loaded_options(path)
        known = measured(path)
        if known is None:
            known = options.burst_limit or None
        if known is None or not options.timeout:
            return known
        return min(known, options.timeout)

    return need
