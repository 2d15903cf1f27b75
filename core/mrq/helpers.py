"""Small helpers for tasks."""

from __future__ import annotations

from typing import Any

from mrq.app import get_app

__all__ = ["metric"]


def metric(name: str, incr: float = 1, **kwargs: Any) -> Any:
    """Add to a metric of your own: calls `METRIC_HOOK(name, incr=incr, **kwargs)`, if there is one.

    Returns what the hook returns. What it raises is logged, not raised here.
    """
    return get_app().metrics.tell(name, incr, **kwargs)
