"""Locks on Redis: `P:lock:<name>`, a key that expires."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from mrq.stores.redis_client import Script, translated

if TYPE_CHECKING:
    from mrq.stores.redis_client import RedisLink

_RELEASE = Script("release")


class RedisLocks:
    """See mrq.ports.locks.Locks."""

    def __init__(self, redis: RedisLink, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    @translated
    def acquire(self, name: str, ttl: float) -> str | None:
        """See Locks."""
        key = secrets.token_hex(12)
        return key if self._redis.set(self._name(name), key, nx=True, px=max(1, int(ttl * 1000))) else None

    @translated
    def is_held(self, name: str) -> bool:
        """See Locks."""
        return bool(self._redis.exists(self._name(name)))

    @translated
    def extend(self, name: str, key: str, ttl: float) -> bool:
        """See Locks."""
        return bool(_RELEASE(self._redis, [self._name(name)], [key, max(1, int(ttl * 1000))]))

    @translated
    def release(self, name: str, key: str) -> bool:
        """See Locks."""
        return bool(_RELEASE(self._redis, [self._name(name)], [key, 0]))

    def _name(self, name: str) -> str:
        return f"{self._prefix}:lock:{name}"
