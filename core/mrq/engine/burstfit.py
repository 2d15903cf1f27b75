"""How many of the jobs that wait in a queue no burst would take: they need containers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mrq.domain.queuename import parse_queue
from mrq.domain.stats import counted_as

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.domain.queuefigures import QueueFigures
    from mrq.ports.stats import StatsStore

SAMPLE = 1000
"""Jobs at the head of a queue that are looked at: their tasks stand for those of all that wait."""


@dataclass(frozen=True, slots=True)
class BurstFit:
    """`needs`: how many seconds a job of a task takes; None: nobody knows, and no burst takes it. `longest`: seconds
    that a burst has. `only`, `never`: task paths that bursts are restricted to, and those that they leave."""

    stats: StatsStore
    needs: Callable[[str], float | None]
    longest: float
    only: frozenset[str] = field(default_factory=frozenset)
    never: frozenset[str] = field(default_factory=frozenset)

    def looked_at(self, queue: str, figures: QueueFigures, now: datetime) -> QueueFigures:
        """The figures of a queue with `containers_only`. What is in a raw queue is known only once it is taken: there
        that stays None.

        Raises:
            StoreUnavailableError: MongoDB is away, or needs too long.
        """
        if parse_queue(queue).is_raw:
            return figures
        tasks = self.stats.waiting_by_path(counted_as(queue), now, SAMPLE) if figures.waiting else {}
        unfit = sum(task.overran if self.takes(path) else task.jobs for path, task in tasks.items())
        seen = sum(task.jobs for task in tasks.values())
        return replace(figures, containers_only=math.ceil(figures.waiting * unfit / seen) if seen else 0)

    def takes(self, path: str) -> bool:
        """Whether bursts take jobs of a task."""
        if path in self.never or (self.only and path not in self.only):
            return False
        need = self.needs(path)
        return need is not None and need <= self.longest
