"""All the ports that a worker and its helpers use, in one place: made by the composition root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mrq.ports.jobs import JobStore
    from mrq.ports.locks import Locks
    from mrq.ports.pauses import Pauses
    from mrq.ports.queuelimits import QueueLimitStore
    from mrq.ports.rates import Rates
    from mrq.ports.raw import RawQueues
    from mrq.ports.semaphores import Semaphores
    from mrq.ports.sizes import QueueSizes
    from mrq.ports.stats import StatsStore
    from mrq.ports.wakeups import Wakeups
    from mrq.ports.workers import WorkerStore


class StorePorts(Protocol):
    """One implementation of each port. Reading an attribute may open a connection."""

    @property
    def jobs(self) -> JobStore: ...
    @property
    def workers(self) -> WorkerStore: ...
    @property
    def wakeups(self) -> Wakeups: ...
    @property
    def locks(self) -> Locks: ...
    @property
    def pauses(self) -> Pauses: ...
    @property
    def semaphores(self) -> Semaphores: ...
    @property
    def rates(self) -> Rates: ...
    @property
    def sizes(self) -> QueueSizes: ...
    @property
    def stats(self) -> StatsStore | None: ...  # None: nothing is counted
    @property
    def raw(self) -> RawQueues: ...
    @property
    def queue_limits(self) -> QueueLimitStore | None: ...  # None: the configuration alone says it
