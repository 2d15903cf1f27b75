"""Pauses: queues from which nothing is to be taken for now. Kept by Redis alone."""

from __future__ import annotations

from typing import Protocol


class Pauses(Protocol):
    """Names of queues, and of roots, that are paused. A root stands for its subqueues too."""

    def pause(self, queue: str) -> None:
        """Let no worker take from this queue; workers know within `paused_queues_refresh_interval`."""
        ...

    def resume(self, queue: str) -> None:
        """Let workers take from this queue again."""
        ...

    def paused(self) -> frozenset[str]:
        """Every paused queue and root."""
        ...
