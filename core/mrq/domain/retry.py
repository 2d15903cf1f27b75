"""When a failed job is tried again."""

from __future__ import annotations

import math

MAX_DELAY = 3600.0
"""No wait between two tries is longer than this, in seconds."""


def delay_before(retry: int, first: float) -> float:
    """Seconds to wait before the given retry (1 is the first): `first`, doubled each time, with a cap."""
    return min(MAX_DELAY, first * 2.0 ** min(retry - 1, 40))


def seconds(value: float) -> float:
    """A wait that was asked for, as a number.

    Raises:
        TypeError, ValueError: it is none.
    """
    number = float(value)
    if math.isnan(number):
        raise ValueError("a delay of nan seconds is no delay")
    return number
