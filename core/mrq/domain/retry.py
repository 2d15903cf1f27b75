"""When a failed job is tried again."""

from __future__ import annotations

MAX_DELAY = 3600.0
"""No wait between two tries is longer than this, in seconds."""


def delay_before(retry: int, first: float) -> float:
    """Seconds to wait before the given retry (1 is the first): `first`, doubled each time, with a cap."""
    return min(MAX_DELAY, first * 2.0 ** min(retry - 1, 40))
