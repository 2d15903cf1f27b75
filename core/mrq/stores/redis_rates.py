"""Rates on Redis: `P:rate:<path>` for spaced starts; `ratelimit:<key>:<window>`, without a prefix, as in 0.9."""

from __future__ import annotations

import math
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mrq.ports.rates import Turn
from mrq.stores.redis_client import translated

if TYPE_CHECKING:
    from redis import Redis

KEPT_LONGER = 10  # seconds that a counter is kept after its window


class RedisRates:
    """See mrq.ports.rates.Rates."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        script = files("mrq.stores").joinpath("lua/turn.lua").read_text()
        self._turn: Any = redis.register_script(script)

    @translated
    def turn(self, name: str, ask: str, interval: float, patience: float, *, returns: bool) -> Turn:
        """See Rates."""
        args = [ask, max(1, math.ceil(interval * 1e6)), int(patience * 1e6), int(returns)]
        granted, wait = self._turn(keys=[f"{self._prefix}:rate:{name}"], args=args)
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
