"""Locks: short-lived mutual exclusion between processes. Kept by Redis alone, so they may be lost in a
fail-over: use them to save work, never to keep data right."""

from __future__ import annotations

from typing import Protocol


class Locks(Protocol):
    """Named locks that free themselves."""

    def acquire(self, name: str, ttl: float) -> str | None:
        """Take a lock for `ttl` seconds. Returns the key to release it with, or None if it is taken."""
        ...

    def is_held(self, name: str) -> bool:
        """Whether a lock is taken now."""
        ...

    def extend(self, name: str, key: str, ttl: float) -> bool:
        """Keep a lock for another `ttl` seconds from now. False: it is no longer yours."""
        ...

    def release(self, name: str, key: str) -> bool:
        """Free a lock. False: it was no longer yours, and nothing happened."""
        ...
