"""The stores of an app: those of MongoDB and Redis, or others that it was given.

Drivers are imported when a store is first used, not before: a program that only imports its tasks, or a Lambda handler
that never touches Redis, doesn't pay for them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from mrq.settings import Settings  # noqa: TC001 - read at run time by documentation tools
from mrq.stores.connections import OFF, Clients

if TYPE_CHECKING:
    from mrq.ports.agents import AgentStore
    from mrq.ports.audit import AuditStore
    from mrq.ports.deploys import Deploys
    from mrq.ports.failures import FailureStore
    from mrq.ports.fleets import FleetStore
    from mrq.ports.jobkeys import JobKeys
    from mrq.ports.joblists import JobLists
    from mrq.ports.jobs import JobStore
    from mrq.ports.locks import Locks
    from mrq.ports.logs import LogStore
    from mrq.ports.operations import OperationStore
    from mrq.ports.orders import Orders
    from mrq.ports.pauses import Pauses
    from mrq.ports.profiles import Profiles
    from mrq.ports.queuelimits import QueueLimitStore
    from mrq.ports.rates import Rates
    from mrq.ports.raw import RawQueues
    from mrq.ports.reports import JobReports
    from mrq.ports.schedules import ScheduleStore
    from mrq.ports.semaphores import Semaphores
    from mrq.ports.sizes import QueueSizes
    from mrq.ports.stats import StatsStore
    from mrq.ports.wakeups import Wakeups
    from mrq.ports.workers import WorkerStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stores:
    """One implementation of each port, to be used instead of MongoDB and Redis."""

    jobs: JobStore
    workers: WorkerStore
    wakeups: Wakeups
    locks: Locks
    reports: JobReports | None = None
    pauses: Pauses | None = None
    schedules: ScheduleStore | None = None
    job_keys: JobKeys | None = None
    semaphores: Semaphores | None = None
    rates: Rates | None = None
    logs: LogStore | None = None
    sizes: QueueSizes | None = None
    raw: RawQueues | None = None
    job_lists: JobLists | None = None
    audit: AuditStore | None = None
    operations: OperationStore | None = None
    agents: AgentStore | None = None
    stats: StatsStore | None = None
    failures: FailureStore | None = None
    orders: Orders | None = None
    deploys: Deploys | None = None
    profiles: Profiles | None = None
    fleets: FleetStore | None = None
    queue_limits: QueueLimitStore | None = None


class StoreShelf:
    """One of each store, made when it is first asked for."""

    outlives_connections: frozenset[str] = frozenset({"_clients"})
    """Parts that are kept when new connections are made."""

    def __init__(self, config: dict[str, Any], settings: Settings, stores: Stores | None) -> None:
        self.config = config
        self.settings = settings
        self._stores = stores

    @property
    def given_stores(self) -> Stores | None:
        """What it uses instead of MongoDB and Redis."""
        return self._stores

    @cached_property
    def jobs(self) -> JobStore:
        """The job store."""
        if self._stores:
            return self._stores.jobs
        from mrq.stores.mongo_jobs import MongoJobStore  # noqa: PLC0415 - see the module's docstring

        return MongoJobStore(self._database)

    @cached_property
    def job_keys(self) -> JobKeys:
        """Which job a key stands for."""
        if self._stores:
            return _given(self._stores.job_keys, "job_keys")
        from mrq.stores.mongo_jobkeys import MongoJobKeys  # noqa: PLC0415

        return MongoJobKeys(self._database)

    @cached_property
    def workers(self) -> WorkerStore:
        """The worker store."""
        if self._stores:
            return self._stores.workers
        from mrq.stores.mongo_workers import MongoWorkerStore  # noqa: PLC0415

        return MongoWorkerStore(self._database)

    @cached_property
    def wakeups(self) -> Wakeups:
        """How idle workers are called."""
        if self._stores:
            return self._stores.wakeups
        from mrq.stores.redis_wakeups import RedisWakeups  # noqa: PLC0415

        return RedisWakeups(self._redis, self.settings.redis_prefix)

    @cached_property
    def locks(self) -> Locks:
        """Locks between processes."""
        if self._stores:
            return self._stores.locks
        from mrq.stores.redis_locks import RedisLocks  # noqa: PLC0415

        return RedisLocks(self._redis, self.settings.redis_prefix)

    @cached_property
    def pauses(self) -> Pauses:
        """Which queues are paused."""
        if self._stores:
            return _given(self._stores.pauses, "pauses")
        from mrq.stores.redis_pauses import RedisPauses  # noqa: PLC0415

        return RedisPauses(self._redis, self.settings.redis_prefix)

    @cached_property
    def schedules(self) -> ScheduleStore:
        """What recurs."""
        if self._stores:
            return _given(self._stores.schedules, "schedules")
        from mrq.stores.mongo_schedules import MongoScheduleStore  # noqa: PLC0415

        return MongoScheduleStore(self._database)

    @cached_property
    def semaphores(self) -> Semaphores:
        """Who may run beside whom."""
        if self._stores:
            return _given(self._stores.semaphores, "semaphores")
        from mrq.stores.redis_semaphores import RedisSemaphores  # noqa: PLC0415

        return RedisSemaphores(self._redis, self.settings.redis_prefix)

    @cached_property
    def rates(self) -> Rates:
        """How often something may happen."""
        if self._stores:
            return _given(self._stores.rates, "rates")
        return self.rates_on(self._redis)

    def rates_on(self, redis: Any) -> Rates:
        """Rates on another Redis, given by its client."""
        from mrq.stores.redis_rates import RedisRates  # noqa: PLC0415

        return RedisRates(redis, self.settings.redis_prefix)

    @cached_property
    def sizes(self) -> QueueSizes:
        """The sizes of queues as others read them; a copy, never the truth."""
        if self._stores:
            return _given(self._stores.sizes, "sizes")
        from mrq.stores.redis_sizes import RedisQueueSizes  # noqa: PLC0415

        return RedisQueueSizes(self._redis)

    @cached_property
    def logs(self) -> LogStore | None:
        """The logs of jobs; None when none are kept (`mongodb_logs` is 0)."""
        return self.logs_of_size(None)

    def logs_of_size(self, size: int | None) -> LogStore | None:
        """The logs of jobs, to be kept to this many bytes; None: to what is usual."""
        if str(self.settings.mongodb_logs) == OFF:
            return None
        if self._stores:
            return _given(self._stores.logs, "logs")
        from mrq.stores.mongo_client import database_of  # noqa: PLC0415
        from mrq.stores.mongo_logs import MongoLogStore  # noqa: PLC0415

        database = database_of(self._clients.get("mongodb_logs"))
        return MongoLogStore(database) if size is None else MongoLogStore(database, size)

    @cached_property
    def raw(self) -> RawQueues:
        """What waits in raw queues."""
        if self._stores:
            return _given(self._stores.raw, "raw")
        from mrq.stores.redis_raw import RedisRawQueues  # noqa: PLC0415

        return RedisRawQueues(self._redis, self.settings.redis_prefix)

    @cached_property
    def fleets(self) -> FleetStore:
        """What was decided about the size of worker groups."""
        if self._stores:
            return _given(self._stores.fleets, "fleets")
        from mrq.stores.mongo_fleets import MongoFleetStore  # noqa: PLC0415

        return MongoFleetStore(self._database)

    @cached_property
    def agents(self) -> AgentStore:
        """Agents and worker groups."""
        if self._stores:
            return _given(self._stores.agents, "agents")
        from mrq.stores.mongo_agents import MongoAgentStore  # noqa: PLC0415

        return MongoAgentStore(self._database)

    @cached_property
    def reports(self) -> JobReports:
        """Sums over all jobs, for people."""
        if self._stores:
            return _given(self._stores.reports, "reports")
        from mrq.stores.mongo_reports import MongoJobReports  # noqa: PLC0415

        return MongoJobReports(self._database)

    @cached_property
    def failures(self) -> FailureStore:
        """Failed jobs in groups."""
        if self._stores:
            return _given(self._stores.failures, "failures")
        from mrq.stores.mongo_failures import MongoFailureStore  # noqa: PLC0415

        return MongoFailureStore(self._database)

    @cached_property
    def orders(self) -> Orders:
        """What workers are told."""
        if self._stores:
            return _given(self._stores.orders, "orders")
        from mrq.stores.mongo_orders import MongoOrders  # noqa: PLC0415

        return MongoOrders(self._database)

    @cached_property
    def deploys(self) -> Deploys:
        """When which version of the code was deployed."""
        if self._stores:
            return _given(self._stores.deploys, "deploys")
        from mrq.stores.mongo_deploys import MongoDeploys  # noqa: PLC0415

        return MongoDeploys(self._database)

    @cached_property
    def profiles(self) -> Profiles:
        """Where the time of workers went."""
        if self._stores:
            return _given(self._stores.profiles, "profiles")
        from mrq.stores.mongo_profiles import MongoProfiles  # noqa: PLC0415

        return MongoProfiles(self._database)

    @cached_property
    def queue_limits(self) -> QueueLimitStore | None:
        """How many jobs of a queue may run at once, said at run time; None: nobody can say it."""
        if self._stores:
            return self._stores.queue_limits
        from mrq.stores.mongo_queuelimits import MongoQueueLimits  # noqa: PLC0415

        return MongoQueueLimits(self._database)

    @cached_property
    def job_lists(self) -> JobLists:
        """Pages and counts of jobs, for people."""
        if self._stores:
            return _given(self._stores.job_lists, "job_lists")
        from mrq.stores.mongo_joblists import MongoJobLists  # noqa: PLC0415

        return MongoJobLists(self._database)

    @cached_property
    def audit(self) -> AuditStore:
        """Who has done what."""
        if self._stores:
            return _given(self._stores.audit, "audit")
        from mrq.stores.mongo_actions import MongoAuditStore  # noqa: PLC0415

        return MongoAuditStore(self._database)

    @cached_property
    def operations(self) -> OperationStore:
        """Bulk actions that go on in the background."""
        if self._stores:
            return _given(self._stores.operations, "operations")
        from mrq.stores.mongo_actions import MongoOperationStore  # noqa: PLC0415

        return MongoOperationStore(self._database)

    def time_limit(self, seconds: float) -> AbstractContextManager[object]:
        """Inside of it, MongoDB may take so long for all that is asked; then StoreUnavailableError is raised."""
        if self._stores:
            return nullcontext()
        from mrq.stores.mongo_client import time_limit  # noqa: PLC0415

        return time_limit(seconds)

    @cached_property
    def stats(self) -> StatsStore | None:
        """What is counted; None when nothing is (`stats` is off)."""
        return self.stats_store if self.settings.stats and not (self._stores and self._stores.stats is None) else None

    @cached_property
    def stats_store(self) -> StatsStore:
        """What has been counted, also when nothing is any more."""
        if self._stores:
            return _given(self._stores.stats, "stats")
        from mrq.stores.mongo_stats import MongoStatsStore  # noqa: PLC0415

        return MongoStatsStore(self._database)

    @cached_property
    def _clients(self) -> Clients:
        return Clients(self.config, self.settings)

    @cached_property
    def _database(self) -> Any:
        return self._clients.database()

    @cached_property
    def _redis(self) -> Any:
        return self._clients.redis()

    def has_connection(self, name: str) -> bool:
        """Whether the configuration names such a server: `redis`, `mongodb_jobs`, `mongodb_logs`, or a key of
        the user's that starts with redis or mongodb."""
        return self._clients.knows(name)

    def connection(self, name: str) -> Any:
        """The driver's client of such a server (a database, for MongoDB), the very one that the stores use.
        None if it is switched off.

        Raises:
            ConfigError: its url can't be read.
        """
        return self._clients.get(name)

    def forget_connections(self) -> None:
        """Use new connections from now on. Those in use go on working."""
        opened = vars(self)  # what cached_property has made so far
        for kind in type(self).__mro__:
            for name, attribute in vars(kind).items():
                if isinstance(attribute, cached_property) and name not in self.outlives_connections:
                    opened.pop(name, None)
        self._clients.forget()

    def close(self) -> None:
        """Close the connections. Using the app again opens new ones."""
        self.forget_connections()
        vars(self).pop("own_runs", None)
        self._clients.close()


def _given(store: T | None, name: str) -> T:
    if store is None:
        raise TypeError(f"the Stores of this App were made without {name}; give Stores(..., {name}=...)")
    return store
