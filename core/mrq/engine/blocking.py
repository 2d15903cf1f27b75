"""Jobs that keep all others of their worker waiting: said in the log, with the place."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mrq.engine.run import Run
    from mrq.ports.clock import Clock

log = logging.getLogger("mrq.worker")

AGAIN = 60.0  # seconds between two warnings about one task
MOST_TASKS = 1_000  # of which it is remembered that they were warned about


@dataclass(slots=True)
class BlockingWatch:
    """Judges runs that have been traced. `limit`: seconds without a switch that are too many; 0: any number is fine."""

    limit: float
    clock: Clock
    _warned: dict[str, float] = field(default_factory=dict)  # by task: monotonic seconds

    def judge(self, run: Run) -> None:
        """A run has ended."""
        usage = None if run.trace is None else run.trace.usage()
        if usage is None or not self.limit or usage.longest < self.limit:
            return
        now = self.clock.monotonic()
        last = self._warned.get(run.job.path)
        if last is not None and now - last < AGAIN:
            return
        if len(self._warned) >= MOST_TASKS:
            self._warned.clear()
        self._warned[run.job.path] = now
        where = f", here:\n{usage.where.rstrip()}" if usage.where else ""
        log.warning(
            "job %s (%s) kept all other jobs of this worker waiting for %.2f s%s",
            run.job.id, run.job.path, usage.longest, where,
        )  # fmt: skip
