"""Rates on Redis: `P:rate:<path>` for spaced starts; `ratelimit:<key>:<window>`, without a prefix, as in 0.9."""

from __future__ import annotations

import math
import time
from typing import Any

from mrq.ports.rates import Turn
from mrq.stores.redis_client import Script, translated

KEPT_LONGER = 10  # seconds that a counter is kept after its window

_TURN = Script("turn")


class RedisRates:
    """See mrq.ports.rates.Rates."""

    def __init__(self, redis: Any, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    @translated
    def turn(self, name: str, ask: str, interval: float, patience: float, *, returns: bool) -> Turn:
        """See Rates."""
        args: list[str | float] = [ask, max(1, math.ceil(interval * 1e6)), int(patience * 1e6), int(returns)]
        granted, wait = _TURN(self._redis, [f"{self._prefix}:rate:{name}"], args)
        return Turn(bool(granted), wait / 1e6)

    @translated
    def remaining(self, key: str, limit: int, per: float) -> int:
        """See Rates."""
        counter = f"ratelimit:{key}:{window_of(time.time(), per)}"
        # a repeated call, after a lost answer, counts twice: that is too strict, never too lax
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.incr(counter)
        pipeline.expire(counter, math.ceil(per + KEPT_LONGER))
        counted, _ = pipeline.execute()
        return max(0, limit - int(counted) + 1)


def window_of(now: float, per: float) -> int:
    """The number of the window of `per` seconds in which a time lies."""
    return int(now / per)
