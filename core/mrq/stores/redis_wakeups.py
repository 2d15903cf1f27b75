"""Wakeups over Redis publish/subscribe: `P:wake:<root queue>`, one channel a root queue. For MRQ 0.9's workers
there is `P:notify:<root queue>`, a list of "1" that expires.

Nothing is kept: a call that nobody hears is gone. Workers poll as well, so that costs time at most. One
connection a worker listens to all its channels, which also works in cluster mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.ports.errors import StoreUnavailableError
from mrq.stores.redis_client import best_effort
from mrq.stores.redis_sizes import milliseconds, size_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mrq.stores.redis_client import RedisLink

MOST_MARKS = 100

_PULLED_AWAY = (TypeError, AttributeError, ValueError)
"""What redis-py raises when another thread closes the connection that it waits on."""


class RedisWakeups:
    """See mrq.ports.wakeups.Wakeups."""

    def __init__(self, redis: RedisLink, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    @best_effort
    def notify(self, roots: Iterable[str]) -> set[str]:
        """See Wakeups."""
        return {root for root in roots if not self._redis.publish(self._channel(root), b"1")}

    @best_effort
    def announce(self, queue: str, jobs: int, size_ttl: float) -> bool:
        """See Wakeups."""
        channel = self._channel(queue.partition("/")[0])
        apart = self._redis.is_cluster  # where redis-py publishes in no pipeline
        heard = self._redis.publish(channel, b"1") if apart else 0
        with self._redis.pipeline(transaction=False) as pipe:
            if not apart:
                pipe.publish(channel, b"1")
            pipe.incrby(size_key(queue), jobs)
            if (lives := milliseconds(size_ttl)) is not None:
                pipe.pexpire(size_key(queue), lives)
            # the size is a copy of what is counted anyway: a server that takes no writes calls all the same
            answers = pipe.execute(raise_on_error=False)
        heard = heard if apart else answers[0]
        if isinstance(heard, Exception):
            raise heard
        return not heard

    @best_effort
    def leave_marks(self, root: str, jobs: int, ttl: float) -> None:
        """See Wakeups."""
        key = f"{self._prefix}:notify:{root}"
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.rpush(key, *[b"1"] * max(1, min(jobs, MOST_MARKS)))
            pipe.ltrim(key, -MOST_MARKS, -1)
            pipe.pexpire(key, int(ttl * 1000))
            pipe.execute()

    def subscribe(self, roots: Collection[str]) -> RedisSubscription:
        """See Wakeups."""
        return RedisSubscription(self._redis, [self._channel(root) for root in roots])

    @best_effort
    def ping(self) -> str:
        """See Wakeups."""
        info: Any = self._redis.info("server")
        kind, version = (
            ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
        )
        return f"{kind} {version} at {self._redis.address}"

    def _channel(self, root: str) -> str:
        return f"{self._prefix}:wake:{root}"


class RedisSubscription:
    """See mrq.ports.wakeups.Subscription."""

    def __init__(self, redis: RedisLink, channels: list[str]) -> None:
        self._redis = redis
        self._channels = channels
        self._pubsub: Any = None  # redis-py's PubSub is not typed
        self._closed = False

    def wait(self, timeout: float) -> bool:
        """See Subscription."""
        if self._closed:
            return False
        try:
            return self._wait(timeout)
        except Exception as error:
            self._drop()  # listen on a fresh connection the next time
            if self._is_closed():
                return False  # another thread pulled the connection away
            if isinstance(error, _PULLED_AWAY):  # all connections were closed
                raise StoreUnavailableError(f"the connection to Redis was closed meanwhile ({error})") from error
            raise

    @best_effort
    def _wait(self, timeout: float) -> bool:
        if self._pubsub is None:
            self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
            self._pubsub.subscribe(*self._channels)
        return self._pubsub.get_message(timeout=timeout) is not None

    def _is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """See Subscription."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            pubsub.close()
