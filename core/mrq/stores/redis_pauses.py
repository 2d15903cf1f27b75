"""Pauses on Redis: the set `P:s:paused`, as MRQ 0.9 has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mrq.stores.redis_client import translated

if TYPE_CHECKING:
    from mrq.stores.redis_client import RedisLink


class RedisPauses:
    """See mrq.ports.pauses.Pauses."""

    def __init__(self, redis: RedisLink, prefix: str) -> None:
        self._redis = redis
        self._key = f"{prefix}:s:paused"

    @translated
    def pause(self, queue: str) -> None:
        """See Pauses."""
        self._redis.sadd(self._key, queue)

    @translated
    def resume(self, queue: str) -> None:
        """See Pauses."""
        self._redis.srem(self._key, queue)

    @translated
    def paused(self) -> frozenset[str]:
        """See Pauses."""
        members = cast("set[bytes]", self._redis.smembers(self._key))
        return frozenset(member.decode() for member in members)
