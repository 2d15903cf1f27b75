"""Wakeups: tell idle workers that there is something to do. Losing one costs time, never a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class Subscription(Protocol):
    """One worker's ear."""

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a call. True when there was one.

        Raises:
            StoreUnavailableError: nothing can be heard just now. Waiting again listens anew.
        """
        ...

    def close(self) -> None:
        """Stop listening; a `wait` in another thread returns soon."""
        ...


class Wakeups(Protocol):
    """Calls from producers to idle workers, by root queue."""

    def notify(self, roots: Iterable[str]) -> set[str]:
        """Call the workers that listen to these root queues. Those that nobody seems to listen to: in cluster mode
        only workers are seen that are connected to the same node."""
        ...

    def announce(self, queue: str, jobs: int, size_ttl: float) -> bool:
        """So many jobs have just come into a queue (its full name): call the workers that listen to its root, and add
        the jobs to what is published of its size, until somebody counts them all; forgotten after `size_ttl` seconds
        (0: never). One trip, two in cluster mode. Whether nobody seems to listen, see `notify`."""
        ...

    def leave_marks(self, root: str, jobs: int, ttl: float) -> None:
        """Wake workers of MRQ 0.9 as well, which wait for marks in a list: one for each of up to 100 jobs. They
        vanish after `ttl` seconds."""
        ...

    def subscribe(self, roots: Collection[str]) -> Subscription:
        """Listen for calls to these root queues."""
        ...

    def ping(self) -> str:
        """Ask the server for a sign of life; what it is, in words."""
        ...
