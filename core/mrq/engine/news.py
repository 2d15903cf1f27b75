"""What is told to others when jobs were queued, beside the wake-up: sizes of queues, and MRQ 0.9's workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.queuename import parse_queue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mrq.ports.sizes import QueueSizes
    from mrq.ports.wakeups import Wakeups


def notified(configs: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Root queues whose configuration says `notify`."""
    return frozenset(name.split("/", 1)[0] for name, config in configs.items() if config and config.get("notify"))


@dataclass(frozen=True, slots=True)
class QueueNews:
    """Raises StoreUnavailableError when Redis is away; what was to be told is then not told."""

    wakeups: Wakeups
    sizes: QueueSizes
    notified: frozenset[str]  # roots for which MRQ 0.9 workers wait in Redis
    max_latency: float
    queue_ttl: float

    def queued(self, queue: str, jobs: int) -> None:
        """So many jobs were queued."""
        name = parse_queue(queue)
        if name.root in self.notified:
            self.mark(name.root, jobs)
        self.sizes.add(name.id, jobs, self.queue_ttl)

    def mark(self, root: str, jobs: int) -> None:
        """Wake workers of MRQ 0.9 on a root queue."""
        self.wakeups.leave_marks(root, jobs, max(1.0, 2 * self.max_latency))
