"""What is told to others when jobs were queued: wake-ups, also of MRQ 0.9's workers, and sizes of queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.queuename import parse_queue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mrq.ports.wakeups import Wakeups


def notified(configs: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Root queues whose configuration says `notify`."""
    return frozenset(name.split("/", 1)[0] for name, config in configs.items() if config and config.get("notify"))


@dataclass(frozen=True, slots=True)
class QueueNews:
    """Raises StoreUnavailableError when Redis is away; what was to be told is then not told."""

    wakeups: Wakeups
    notified: frozenset[str]  # roots for which MRQ 0.9 workers wait in Redis
    max_latency: float
    queue_ttl: float

    def queued(self, queue: str, jobs: int) -> bool:
        """So many jobs were queued: call our workers, and those of MRQ 0.9. Whether none of ours seems to listen."""
        name = parse_queue(queue)
        unheard = self.wakeups.announce(name.id, jobs, self.queue_ttl)
        if name.root in self.notified:
            self.mark(name.root, jobs)
        return unheard

    def mark(self, root: str, jobs: int) -> None:
        """Wake workers of MRQ 0.9 on a root queue."""
        self.wakeups.leave_marks(root, jobs, max(1.0, 2 * self.max_latency))
