"""Semaphores: at most so many holders of a name, over all workers. A permit is a lease: it frees itself.

Kept by Redis alone. What Redis loses, workers that live hold again with their next `renew`, and what nobody
renews is free after its lease: nothing stays taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mrq.domain.ids import WorkerId


class Permit(NamedTuple):
    """One of the holders that a semaphore allows. Its `id` is made by who asks for it, and must be new."""

    name: str
    worker: WorkerId
    id: str


class Semaphores(Protocol):
    """Named semaphores. The time is the server's. Leases are in seconds."""

    def acquire(self, name: str, limit: int, worker: WorkerId, permits: Sequence[str], lease: float) -> frozenset[str]:
        """Ask for permits, given by their ids; those that were granted, from the first on, while fewer than
        `limit` are held. Asking again for the same permit doesn't take a second one."""
        ...

    def release(self, permits: Iterable[Permit]) -> None:
        """Give permits back. One that isn't held any more doesn't matter."""
        ...

    def renew(self, permits: Iterable[Permit], lease: float) -> None:
        """Hold these permits for another lease, also those that the server has forgotten."""
        ...

    def renew_all(self, worker: WorkerId, lease: float) -> int:
        """Hold for another lease whatever a worker holds by the server's knowledge; how many permits that is.
        For who acts in the worker's place."""
        ...

    def drop(self, worker: WorkerId) -> int:
        """Free everything that a worker held, which is dead or has ended; how many permits that were."""
        ...

    def count(self, name: str) -> int:
        """How many permits of a semaphore are held now."""
        ...
