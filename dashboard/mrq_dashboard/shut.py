"""Who had too many tries of HTTP Basic."""

from __future__ import annotations

import time
from collections.abc import Iterable

MOST = 10_000


class Shut:
    """Addresses and names that had too many tries of HTTP Basic: for some seconds also the right password is refused
    to them, else an answer would tell it. Of this process: others count for themselves, together by Redis."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, keys: Iterable[str], seconds: float) -> None:
        """Refuse these from now on, so long."""
        now = time.monotonic()
        if len(self._until) >= MOST:
            self._until = {key: until for key, until in list(self._until.items()) if until > now}
        if len(self._until) < MOST:
            self._until.update(dict.fromkeys(keys, now + seconds))

    def holds(self, keys: Iterable[str]) -> bool:
        """Whether one of these is refused now."""
        now = time.monotonic()
        return any(self._until.get(key, now) > now for key in keys)
