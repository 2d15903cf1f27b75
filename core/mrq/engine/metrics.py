"""What is counted, told to the user's hook (METRIC_HOOK). The names are MRQ 0.9's."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mrq.exceptions import ends_the_caller

if TYPE_CHECKING:
    from mrq.domain.status import Status

Hook = Callable[..., object]

log = logging.getLogger("mrq.metrics")

COMPLAIN_AGAIN = 60.0  # seconds between two log lines about a hook that raises


def _nobody() -> Hook | None:
    return None


class Metrics:
    """Calls a hook with names and increments, one call a batch. Costs next to nothing when there is no hook.

    What the hook raises is logged and nothing more: no job may fail for it.
    """

    __slots__ = ("_find_hook", "_quiet_until")

    def __init__(self, find_hook: Callable[[], Hook | None] = _nobody) -> None:
        """`find_hook` is asked each time, since the configuration may be changed while running."""
        self._find_hook = find_hook
        self._quiet_until = 0.0

    def tell(self, name: str, incr: float = 1, **about: Any) -> Any:
        """Tell the hook that a count has grown; what the hook returns, or None."""
        hook = self._find_hook()
        if hook is None:
            return None
        try:
            return hook(name, incr=incr, **about)
        except BaseException as error:
            if ends_the_caller(error):
                raise
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + COMPLAIN_AGAIN
                log.exception("the metric hook raised for %s; further errors of it are hidden for a minute", name)
            return None

    def queues(self, what: str, counts: Mapping[str, int]) -> None:
        """So many jobs of each queue were `enqueued`, `dequeued` or `removed`."""
        if self._find_hook() is None or not counts:
            return
        for queue, count in counts.items():
            self.tell(f"queues.{queue}.{what}", count)
        self.tell(f"queues.all.{what}", sum(counts.values()))

    def statuses(self, reached: Iterable[Status] | Mapping[Status, int]) -> None:
        """A job reached each of these statuses, or as many jobs as are given with it."""
        if self._find_hook() is None:
            return
        for status, count in Counter(reached).items():
            self.tell(f"jobs.status.{status.value}", count)

    def enqueued(self, queue: str, count: int, status: Status) -> None:
        """So many new jobs wait in a queue."""
        if self._find_hook() is not None and count:
            self.tell(f"jobs.status.{status.value}", count)
            self.queues("enqueued", {queue: count})
