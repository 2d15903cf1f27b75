"""Rates: how often something may happen, over all processes. Kept by Redis alone."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Turn(NamedTuple):
    """An answer to who wants to start. `granted`: it may, after `wait` seconds; else it has to come back then,
    and ask again as one who returns."""

    granted: bool
    wait: float


class Rates(Protocol):
    """Spaced starts, and counters of 0.9's kind. The time of starts is the server's."""

    def turn(self, name: str, ask: str, interval: float, patience: float, *, returns: bool) -> Turn:
        """Ask for the next start under a name: granted ones are at least `interval` seconds apart.

        Who can't start within `patience` seconds joins the end of the line and is told when to return. Who
        `returns` has stood in line: he may start as soon as the last granted start is long enough ago. `ask`
        identifies this question, so that repeating it takes no second turn.
        """
        ...

    def remaining(self, key: str, limit: int, per: float) -> int:
        """Count one action in the current window of `per` seconds. How many were left before it; 0: too many.

        Windows follow one another (0.9's `ratelimit`); the time is the caller's."""
        ...
