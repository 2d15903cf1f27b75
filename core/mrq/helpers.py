"""Small helpers for tasks, under their names of MRQ 0.9."""

from __future__ import annotations

from typing import Any

from mrq.app import get_app

__all__ = ["metric", "ratelimit"]


def metric(name: str, incr: float = 1, **kwargs: Any) -> Any:
    """Add to a metric of your own: calls `METRIC_HOOK(name, incr=incr, **kwargs)`, if there is one.

    Returns what the hook returns. What it raises is logged, not raised here.
    """
    return get_app().metrics.tell(name, incr, **kwargs)


def ratelimit(key: str, limit: int, per: float = 1, redis: Any = None) -> int:
    """Count one action under `key`, and say how many were left before it in the current window of `per` seconds;
    0: `limit` are used up, don't act.

    Windows follow one another, all processes count together. `redis`: the client of another Redis than that of
    the configuration. Raises ServerUnavailableError when Redis can't be reached.
    """
    rates = get_app().rates if redis is None else get_app().rates_on(redis)
    return rates.remaining(key, limit, per)
