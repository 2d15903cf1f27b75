"""What is set for the jobs of a task: time-outs, lifetimes, retries."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How the jobs of one task are run and kept. Durations are in seconds.

    The defaults are those of MRQ 0.9.
    """

    queue: str | None = None  # where its jobs go when the producer names no queue
    timeout: float = 3600.0  # a run may take this long; 0: as long as it wants
    default_ttl: float = 180 * 24 * 3600.0  # failed and other ended jobs are kept this long
    result_ttl: float = 7 * 24 * 3600.0  # successful jobs and their results
    abort_ttl: float = 24 * 3600.0
    cancel_ttl: float = 24 * 3600.0
    max_retries: int = 3  # how often retry_current_job() may be called
    retry_delay: float = 3.0  # seconds until the next try, if the call names none
    retries: int = 0  # how often a raised exception is followed by another try
    exclusive: bool = False  # interrupt the job when its lease can't be renewed

    def merged(self, overrides: Mapping[str, Any]) -> TaskOptions:
        """A copy with some values replaced. Names that are not options are passed over."""
        known = {f.name for f in fields(self)}
        return replace(self, **{k: v for k, v in overrides.items() if k in known and v is not None})
