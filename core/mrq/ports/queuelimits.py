"""QueueLimitStore: how many jobs of a queue may run at once, said at run time. It goes before the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_LIMITS: Final = 1000
NO_LIMIT: Final = 0
"""Lets any number run, whatever the configuration says."""


class QueueLimitStore(Protocol):
    """Limits of root queues, their subqueues together. Each raises StoreUnavailableError when MongoDB is away."""

    def limits(self) -> Mapping[str, int]:
        """What was said, by root queue; NO_LIMIT: any number may run. At most MOST_LIMITS."""
        ...

    def limit(self, root: str, jobs: int) -> None:
        """Let at most so many jobs run at once, or NO_LIMIT. Workers know within `paused_queues_refresh_interval`."""
        ...

    def forget(self, root: str) -> None:
        """Let the configuration say it again."""
        ...
