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
            self._redis.set(_key(queue), size, px=_milliseconds(ttl))

    @best_effort
    def add(self, queue: str, jobs: int, ttl: float) -> None:
        """See QueueSizes."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.incrby(_key(queue), jobs)
            if (milliseconds := _milliseconds(ttl)) is not None:
                pipe.pexpire(_key(queue), milliseconds)
            pipe.execute()

    @best_effort
    def published(self, queue: str) -> int | None:
        """See QueueSizes."""
        value = cast("bytes | None", self._redis.get(_key(queue)))
        return None if value is None else int(value)


def _key(queue: str) -> str:
    return f"queuesize:{queue}"


def _milliseconds(ttl: float) -> int | None:
    return max(1, int(ttl * 1000)) if ttl > 0 else None
