"""QueueSizes: how full queues are, as others read it from Redis. A copy of what is counted in the job store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class QueueSizes(Protocol):
    """Published sizes by queue. They may be a little wrong until the next `publish`; nothing relies on them."""

    def publish(self, sizes: Mapping[str, int], ttl: float) -> None:
        """Say how many jobs wait or run, by queue; forgotten after `ttl` seconds (0: never)."""
        ...

    def published(self, queue: str) -> int | None:
        """What was said last; None: nothing, or too long ago."""
        ...
