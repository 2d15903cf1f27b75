"""What TTL indexes do, in memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")
V = TypeVar("V")


def dropped(kept: dict[K, V], is_over: Callable[[V], bool], limit: int) -> int:
    """Delete at most `limit` entries whose time is over; how many there were."""
    over = list(islice((key for key, value in kept.items() if is_over(value)), max(1, limit)))
    for key in over:
        del kept[key]
    return len(over)
