"""What RAW_QUEUES says about a queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.exceptions import ConfigError

Factory = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class RawSettings:
    """How payloads of one root queue become jobs."""

    root: str
    job_factory: Factory | None = None  # from a payload to a job's path and params
    retry_queue: str = "default"
    no_storage: frozenset[Status] = frozenset()
    pushback: float = 0.0  # seconds
    has_subqueues: bool = False

    @property
    def unstored(self) -> bool:
        """Whether its jobs run without being stored."""
        return Status.STARTED in self.no_storage


def raw_settings(root: str, table: Mapping[str, Mapping[str, Any]]) -> RawSettings:
    """What is set for a root queue. `table`: RAW_QUEUES, or QUEUES_CONFIG when that is empty (MRQ 0.9).

    Raises:
        ConfigError: a status is unknown, or retry_queue is a raw queue.
    """
    entry = table.get(root) or {}
    where = f"RAW_QUEUES[{root!r}]"
    try:
        no_storage = frozenset(Status(status) for status in entry.get("statuses_no_storage") or ())
    except ValueError as error:
        raise ConfigError(f"{where}['statuses_no_storage']: {error}; choose from {', '.join(Status)}") from None
    retry_queue = entry.get("retry_queue") or "default"
    if parse_queue(retry_queue).is_raw:
        raise ConfigError(f"{where}['retry_queue'] is {retry_queue!r}, a raw queue; jobs can wait in regular ones only")
    return RawSettings(
        root,
        entry.get("job_factory"),
        retry_queue,
        no_storage,
        float(entry.get("pushback_seconds") or 0),
        bool(entry.get("has_subqueues")),
    )


def served_settings(roots: set[str], table: Mapping[str, Mapping[str, Any]]) -> dict[str, RawSettings]:
    """What is set for the raw queues of a worker, by root.

    Raises:
        ConfigError: as `raw_settings`, and when a queue has no job_factory.
    """
    found = {root: raw_settings(root, table) for root in sorted(roots)}
    for root, settings in found.items():
        if settings.job_factory is None:
            raise ConfigError(
                f"queue {root!r} is a raw queue without a job_factory, so no jobs can be made of what waits in it; set "
                f"RAW_QUEUES = {{{root!r}: {{'job_factory': lambda payload: {{'path': ..., 'params': ...}}}}}} in the "
                "config file, or don't serve it"
            )
    return found
