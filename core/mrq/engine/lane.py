"""Group commit: what comes is collected for a few milliseconds and written together."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from mrq.domain.words import many
from mrq.engine.backoff import Backoff
from mrq.engine.outage import Outage
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Runtime

log = logging.getLogger("mrq.worker")

T = TypeVar("T")
R = TypeVar("R")

LARGEST_BATCH = 1000
WINDOWS = 5  # in which a batch is collected, at most


class Window(NamedTuple):
    """How long a batch is collected. `seconds`: in which something has to come, or it is written. `more`: whether
    anything is to be expected at all."""

    seconds: float
    more: Callable[[], bool]


class Lane(Generic[T]):
    """What waits to be written to one place. `put` never blocks; `loop` runs in a fiber of its own."""

    def __init__(
        self, place: str, write: Callable[[list[T]], None], runtime: Runtime, clock: Clock, window: Window
    ) -> None:
        """`place`: of what it waits for, in words. `window`: in which a batch is collected."""
        self._place = place
        self._writer = write
        self._runtime = runtime
        self._window = window
        self._waiting: deque[T] = deque()
        self._lock = threading.Lock()
        self._something = runtime.event()
        self._backoff = Backoff()
        self._outage = Outage(log, clock)
        self.closing = False

    def put(self, item: T) -> None:
        """Have this written."""
        with self._lock:
            self._waiting.append(item)
        self._something.set()

    def loop(self) -> None:
        """Write what comes until `close` is called and nothing is left."""
        while True:
            self._something.wait()
            self._collect()
            self._something.clear()
            batch = self._take()
            if batch:
                self._writer(batch)
            if self._waiting:
                self._something.set()
            elif self.closing:
                return

    def _collect(self) -> None:
        """Wait as long as more comes, for some windows at most."""
        for _ in range(WINDOWS if self._window.seconds else 0):
            before = len(self._waiting)
            if self.closing or before >= LARGEST_BATCH or not self._window.more():
                return
            self._runtime.sleep(self._window.seconds)
            if len(self._waiting) == before:
                return

    def close(self) -> None:
        """Nothing comes any more: write the rest and end."""
        self.closing = True
        self._something.set()

    def _take(self) -> list[T]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_BATCH))]

    def insist(self, write: Callable[[], R], count: int) -> R:
        """Do a write about so many outcomes, again and again until the server is there."""
        while True:
            try:
                result = write()
                break
            except StoreUnavailableError as error:
                self._outage.failed(f"{many(count, 'outcome')} can't be written yet, {self._place} is away", error)
                self._runtime.sleep(self._backoff.failed())
        self._backoff.worked()
        self._outage.over(f"{self._place} is back: {many(count, 'outcome')} written")
        return result
