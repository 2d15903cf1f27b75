"""Answers that may be some seconds old."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """An answer that costs much, asked for again only when it is older than so many seconds. Of this process; threads
    that find it too old at once each ask."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._found: tuple[float, T] | None = None

    def get(self, ask: Callable[[], T]) -> T:
        """The answer, from `ask` if there is none yet or it is too old. Raises what `ask` raises."""
        found, now = self._found, time.monotonic()
        if found is None or now - found[0] >= self._seconds:
            found = self._found = (now, ask())
        return found[1]
