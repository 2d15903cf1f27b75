"""Semaphores and rates in memory."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.ports.rates import Turn
from mrq.ports.semaphores import Permit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mrq.domain.ids import WorkerId


class MemorySemaphores:
    """See mrq.ports.semaphores.Semaphores."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._until: dict[str, dict[Permit, float]] = defaultdict(dict)
        self._monotonic = monotonic
        self._lock = threading.Lock()

    def acquire(self, name: str, limit: int, worker: WorkerId, permits: Sequence[str], lease: float) -> frozenset[str]:
        """See Semaphores."""
        with self._lock:
            held = self._held(name)
            granted = set()
            for wanted in permits:
                permit = Permit(name, worker, wanted)
                if permit in held or len(held) < limit:
                    held[permit] = self._monotonic() + lease
                    granted.add(wanted)
            return frozenset(granted)

    def release(self, permits: Iterable[Permit]) -> None:
        """See Semaphores."""
        with self._lock:
            for permit in permits:
                self._until[permit.name].pop(permit, None)

    def renew(self, permits: Iterable[Permit], lease: float) -> None:
        """See Semaphores."""
        with self._lock:
            for permit in permits:
                self._until[permit.name][permit] = self._monotonic() + lease

    def renew_all(self, worker: WorkerId, lease: float) -> int:
        """See Semaphores."""
        with self._lock:
            mine = self._of(worker)
            for permit in mine:
                self._until[permit.name][permit] = self._monotonic() + lease
            return len(mine)

    def drop(self, worker: WorkerId) -> int:
        """See Semaphores."""
        with self._lock:
            mine = self._of(worker)
            for permit in mine:
                del self._until[permit.name][permit]
            return len(mine)

    def count(self, name: str) -> int:
        """See Semaphores."""
        with self._lock:
            return len(self._held(name))

    def _of(self, worker: WorkerId) -> list[Permit]:
        return [permit for name in list(self._until) for permit in self._held(name) if permit.worker == worker]

    def _held(self, name: str) -> dict[Permit, float]:
        now = self._monotonic()
        self._until[name] = {permit: until for permit, until in self._until[name].items() if until > now}
        return self._until[name]


@dataclass(slots=True)
class _Line:
    """The starts under one name; see lua/turn.lua."""

    next: float = 0.0
    tail: float = 0.0
    ask: str = ""
    granted: bool = False
    slot: float = 0.0


class MemoryRates:
    """See mrq.ports.rates.Rates."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self._lines: dict[str, _Line] = defaultdict(_Line)
        self._counted: Counter[tuple[str, int]] = Counter()
        self._monotonic = monotonic
        self._now = now
        self._lock = threading.Lock()

    def turn(self, name: str, ask: str, interval: float, patience: float, *, returns: bool) -> Turn:
        """See Rates."""
        with self._lock:
            now, line = self._monotonic(), self._lines[name]
            if line.ask == ask:
                return Turn(line.granted, max(0.0, line.slot - now))
            slot = max(now, line.next) if returns else max(now, line.next, line.tail)
            granted = slot - now <= patience
            if granted:
                line.next = slot + interval
                line.tail = max(line.tail, line.next)
            else:
                slot = max(slot, line.tail)
                line.tail = slot + interval
            line.ask, line.granted, line.slot = ask, granted, slot
            return Turn(granted, slot - now)

    def remaining(self, key: str, limit: int, per: float) -> int:
        """See Rates."""
        with self._lock:
            counter = f"{key}:{per}", int(self._now() / per)
            self._counted[counter] += 1
            return max(0, limit - self._counted[counter] + 1)
