"""Queues that grow: told from the looks at them that are stored once a minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mrq.domain.stats import QueueSamples

WINDOW: Final = timedelta(minutes=15)
MOST_LOOKS: Final = 15  # one a minute
FEWEST_LOOKS: Final = 6
LEAST, SHARE = 20, 1.5  # it grows if it has so many more jobs, and is so many times as long


@dataclass(frozen=True, slots=True)
class Growth:
    """What waited first and last, and since when that is."""

    before: int
    now: int
    since: datetime


def growth(looks: Sequence[QueueSamples], queue: str) -> Growth | None:
    """How much a queue has grown from the first look to the last; None: it doesn't grow, or that can't be told.

    A burst that is being worked off is no growth: each of the last third of the looks has to be above each of the
    first third, and the last one above all before the last third. What is delayed does not count: it may wait.
    """
    found = [(look.start, backlog.waiting) for look in looks if (backlog := look.of(queue)) is not None]
    if len(found) < FEWEST_LOOKS:
        return None
    third = len(found) // 3
    waiting = [many for _, many in found]
    first, last = waiting[:third], waiting[-third:]
    if min(last) <= max(first) or waiting[-1] < max(waiting[:-third]):
        return None
    if waiting[-1] - waiting[0] < LEAST or waiting[-1] < SHARE * waiting[0]:
        return None
    return Growth(waiting[0], waiting[-1], found[0][0])
