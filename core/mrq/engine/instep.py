"""Timed waits that end at the same moments, so that a process without work wakes once for all its loops, not once for
each of them: what is done in one go takes half the processor time of the same in five.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.ports.runtime import Event

STEPS = (1.0, 0.5)
"""Seconds: waits of so many whole steps end at a multiple of it. Others are left alone, they would come more often."""
EARLY = 0.01
"""Seconds by which a wait may have ended too early, and is not to be repeated for that."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The moments of one process. Processes have other moments, or they would all ask a database at the same ones."""

    monotonic: Callable[[], float] = time.monotonic
    phase: float = field(default_factory=random.random)  # seconds

    def shortened(self, timeout: float) -> float:
        """A wait of `timeout` seconds, made shorter by less than a step if it is whole steps; else as it is."""
        step = next((step for step in STEPS if timeout >= step and math.isclose(timeout % step, 0, abs_tol=1e-6)), None)
        if step is None:
            return timeout
        now = self.monotonic() - self.phase
        shortened = math.floor((now + timeout + EARLY) / step) * step - now
        return shortened if shortened > EARLY else timeout

    def event(self, event: Event) -> EventInStep:
        """The same event, with waits that are shortened so."""
        return EventInStep(event, self)

    def loop(self, loop: Callable[[Event], None]) -> Callable[[Event], None]:
        """A loop that does something every few seconds, given its end: when exactly doesn't matter."""
        return lambda stopped: loop(self.event(stopped))


@dataclass(frozen=True, slots=True)
class EventInStep:
    """See mrq.ports.runtime.Event."""

    _event: Event
    _steps: Steps

    def set(self) -> None:
        """See Event."""
        self._event.set()

    def clear(self) -> None:
        """See Event."""
        self._event.clear()

    def is_set(self) -> bool:
        """See Event."""
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """See Event."""
        return self._event.wait(None if timeout is None else self._steps.shortened(timeout))
