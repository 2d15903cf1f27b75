"""What is set for the jobs of a task: time-outs, lifetimes, retries."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from mrq.domain.retry import BACKOFF, JITTER, MAX_DELAY, RetryPolicy

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
    retry_backoff: float = BACKOFF  # each wait is so many times as long as the one before
    retry_max_delay: float = MAX_DELAY  # and never longer than this
    retry_jitter: float = JITTER  # up to this fraction of a wait is left out, by chance
    retry_on: Any = ()  # an exception class or its dotted name, or several; none: every Exception
    retry_not_on: Any = ()
    exclusive: bool = False  # interrupt the job when its lease can't be renewed
    max_concurrency: int = 0  # so many jobs of the task at once, over all workers; 0: no limit
    on_limit: str = "end"  # what becomes of one too many: "end" as maxconcurrency, or "wait" in its queue
    rate: str | None = None  # how many may start in a time, as in "100/m"
    burst_limit: float = 0.0  # a run takes no longer than this, so a Lambda burst may take it; 0: not known

    @property
    def retry_policy(self) -> RetryPolicy:
        """When a job that raised is tried again."""
        return RetryPolicy(
            self.retries,
            self.retry_delay,
            self.retry_backoff,
            self.retry_max_delay,
            self.retry_jitter,
            _several(self.retry_on),
            _several(self.retry_not_on),
        )

    def merged(self, overrides: Mapping[str, Any]) -> TaskOptions:
        """A copy with some values replaced. Names that are not options are passed over."""
        known = {f.name for f in fields(self)}
        return replace(self, **{k: v for k, v in overrides.items() if k in known and v is not None})


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)
