"""QueueSizes on Redis: `queuesize:<queue>`, text of a number. MRQ 0.9's keys, which have no prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mrq.stores.redis_client import best_effort

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis import Redis


class RedisQueueSizes:
    """See mrq.ports.sizes.QueueSizes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @best_effort
    def publish(self, sizes: Mapping[str, int], ttl: float) -> None:
        """See QueueSizes."""
        for queue, size in sizes.items():
            self._redis.set(size_key(queue), size, px=milliseconds(ttl))

    @best_effort
    def published(self, queue: str) -> int | None:
        """See QueueSizes."""
        value = cast("bytes | None", self._redis.get(size_key(queue)))
        return None if value is None else int(value)


def size_key(queue: str) -> str:
    """Where the size of a queue is published."""
    return f"queuesize:{queue}"


def milliseconds(ttl: float) -> int | None:
    """Of a time to live in seconds; None: for ever."""
    return max(1, int(ttl * 1000)) if ttl > 0 else None
