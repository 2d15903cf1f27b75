"""What the log says about a server that is away: when that begins, now and then while it lasts, when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from mrq.ports.clock import Clock

REMINDER = 30.0  # seconds between two lines about the same outage


@dataclass(slots=True)
class Outage:
    """One thing that can't be done while a server is away, such as taking jobs. It is tried again all the time, far
    more often than anybody wants to read."""

    log: logging.Logger
    clock: Clock
    _began: float | None = None
    _told: float = 0.0

    def failed(self, what: str, error: BaseException) -> None:
        """It failed (again). `what` is said at the first time, and then every half a minute."""
        now = self.clock.monotonic()
        if self._began is None:
            self._began = self._told = now
            self.log.warning("%s: %s", what, error)
        elif now - self._told >= REMINDER:
            self._told = now
            self.log.warning("%s, for %.0f s now: %s", what, now - self._began, error)

    def over(self, what: str) -> bool:
        """It worked; whether it had failed before, in which case `what` is said."""
        if self._began is None:
            return False
        self.log.warning("%s, after %.0f s", what, self.clock.monotonic() - self._began)
        self._began = None
        return True
