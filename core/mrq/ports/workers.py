"""WorkerStore: who is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from mrq.domain.ids import WorkerId
    from mrq.domain.lease import Lease
    from mrq.domain.worker import WorkerRecord


class WorkerStore(Protocol):
    """Workers, their heartbeats and their reports. Stamps are made by the database's clock."""

    def register(self, worker: WorkerRecord) -> None:
        """Make a worker known. Must be done before it claims anything."""
        ...

    def introduce(self, worker: WorkerRecord) -> bool:
        """Make a worker known under an id that was chosen for it. False: that id is or was another one's, and
        nothing was changed."""
        ...

    def beat(self, worker: WorkerId, timeout: float = 5.0, told: Callable[[], object] | None = None) -> datetime | None:
        """Change a worker's heartbeat; the database's time (naive, UTC). Given up after `timeout` seconds, so
        that a connection that hangs is noticed while the lease lasts. None: the worker was marked lost, or
        its document is gone: it must stop acting under this identity. `told`: called when orders wait for it."""
        ...

    def report(self, worker: WorkerId, report: Mapping[str, Any]) -> None:
        """Replace the worker's description of itself (0.9's fields). A lost worker's report is dropped."""
        ...

    def stop(self, worker: WorkerId, report: Mapping[str, Any]) -> None:
        """The worker leaves of its own will and holds no job any more."""
        ...

    def suspects(self, silent_since: datetime) -> list[Lease]:
        """Workers that could be dead: neither stopped nor lost, and either silent since a time (database's
        clock) or with a stated deadline before it."""
        ...

    def mark_lost(self, worker: WorkerId, beat: int) -> bool:
        """Mark a worker as lost if its heartbeat is still this one. A marked worker never beats again."""
        ...

    def gone(self, workers: Iterable[WorkerId]) -> set[WorkerId]:
        """Which of these workers can hold no job: stopped, marked lost, or without a document."""
        ...

    def fetch(self, worker: WorkerId) -> dict[str, Any] | None:
        """A worker's document."""
        ...

    def alive(self, limit: int) -> list[dict[str, Any]]:
        """Documents of workers that are neither stopped nor lost, at most `limit`."""
        ...

    def bursts(self) -> dict[str, int]:
        """How many workers with a stated end that is still to come are neither stopped nor lost, by the `worker_group`
        of their config ("": none)."""
        ...

    def ended_bursts(self, seconds: float) -> dict[str, list[datetime]]:
        """When such workers began, by group: those of the last `seconds` that are stopped or lost, at most
        a thousand."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` documents of workers that should have been deleted before a time, an hour after
        their last sign of life; see JobStore."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """Create the indexes that are missing; names of those that were. `largest`: only if there are at most
        about so many documents, so that it takes no time worth speaking of (None: in any case)."""
        ...
