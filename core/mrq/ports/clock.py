"""Where the engine gets its time from."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - Protocols are read at run time by documentation tools
from typing import Protocol


class Clock(Protocol):
    """Two kinds of time: one to store, one to measure with."""

    def now(self) -> datetime:
        """The time of day, naive and in UTC, cut to milliseconds as MongoDB stores it."""
        ...

    def monotonic(self) -> float:
        """Seconds from some start; never goes back."""
        ...
