"""Every port's implementations, one after the other: the same tests hold for all of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contract.kit import JobKit
    from mrq.ports.agents import AgentStore
    from mrq.ports.fleets import FleetStore
    from mrq.ports.jobkeys import JobKeys
    from mrq.ports.jobs import JobStore
    from mrq.ports.locks import Locks
    from mrq.ports.logs import LogStore
    from mrq.ports.pauses import Pauses
    from mrq.ports.rates import Rates
    from mrq.ports.raw import RawQueues
    from mrq.ports.schedules import ScheduleStore
    from mrq.ports.semaphores import Semaphores
    from mrq.ports.sizes import QueueSizes
    from mrq.ports.stats import StatsStore
    from mrq.ports.wakeups import Wakeups
    from mrq.ports.workers import WorkerStore


@pytest.fixture
def database(mongodb_url: str) -> Iterator[Any]:
    """A MongoDB database without any index of ours."""
    from mrq.stores.mongo_client import connect

    database = connect(mongodb_url, server_timeout=10, name="contract")
    yield database
    database.client.close()


@pytest.fixture(params=["memory", "mongodb"])
def kit(request: pytest.FixtureRequest) -> JobKit:
    """A job store, empty and without indexes: everything must work on a bare collection."""
    from contract.kit import JobKit
    from mrq.stores.memory import MemoryJobStore
    from mrq.stores.mongo_jobs import MongoJobStore

    if request.param == "memory":
        memory = MemoryJobStore()
        return JobKit(memory, lambda document: memory._documents.update({document["_id"]: document}))
    database = request.getfixturevalue("database")
    return JobKit(MongoJobStore(database), database.mrq_jobs.insert_one, database)


@pytest.fixture
def mongo_kit(database: Any) -> JobKit:
    """The job store on MongoDB alone, with its indexes."""
    from contract.kit import JobKit
    from mrq.stores.mongo_jobs import MongoJobStore

    store = MongoJobStore(database)
    store.ensure_indexes()
    return JobKit(store, database.mrq_jobs.insert_one, database)


@pytest.fixture(params=["memory", "mongodb"])
def workers(request: pytest.FixtureRequest) -> WorkerStore:
    """An empty worker store."""
    from mrq.stores.memory import MemoryWorkerStore
    from mrq.stores.mongo_workers import MongoWorkerStore

    if request.param == "memory":
        return MemoryWorkerStore()
    return MongoWorkerStore(request.getfixturevalue("database"))


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[Any]:
    """A connection to Redis."""
    from mrq.stores.redis_client import connect

    client = connect(redis_url, max_connections=10, timeout=5, server_timeout=5)
    yield client
    client.close()


@pytest.fixture
def cluster_client(redis_cluster_url: str) -> Iterator[Any]:
    """A connection to Redis in cluster mode, with TLS. It refuses what ElastiCache serverless does."""
    from mrq.stores.redis_client import connect
    from support.rediscluster import strictly

    client = connect(redis_cluster_url, max_connections=10, timeout=5, server_timeout=5)
    with strictly():
        yield client
    client.close()


REDIS = ["memory", "redis", "cluster"]


def on_redis(request: pytest.FixtureRequest, memory: Callable[[], Any], redis: Callable[[Any, str], Any]) -> Any:
    """The implementation that a test of a port on Redis is about."""
    match request.param:
        case "memory":
            return memory()
        case "cluster":
            return redis(request.getfixturevalue("cluster_client"), f"mrq_test_{secrets.token_hex(6)}")
        case _:
            return redis(request.getfixturevalue("redis_client"), request.getfixturevalue("redis_prefix"))


@pytest.fixture(params=REDIS)
def wakeups(request: pytest.FixtureRequest) -> Wakeups:
    """Wake-ups that nobody listens to yet."""
    from mrq.stores.memory import MemoryWakeups
    from mrq.stores.redis_wakeups import RedisWakeups

    return on_redis(request, MemoryWakeups, RedisWakeups)  # type: ignore[no-any-return]


@pytest.fixture(params=REDIS)
def locks(request: pytest.FixtureRequest) -> Locks:
    """Locks, none of them held."""
    from mrq.stores.memory import MemoryLocks
    from mrq.stores.redis_locks import RedisLocks

    return on_redis(request, MemoryLocks, RedisLocks)  # type: ignore[no-any-return]


@pytest.fixture(params=REDIS)
def pauses(request: pytest.FixtureRequest) -> Pauses:
    """Nothing is paused."""
    from mrq.stores.memory_pauses import MemoryPauses
    from mrq.stores.redis_pauses import RedisPauses

    return on_redis(request, MemoryPauses, RedisPauses)  # type: ignore[no-any-return]


@pytest.fixture(params=REDIS)
def raw(request: pytest.FixtureRequest) -> RawQueues:
    """Raw queues, all empty."""
    from mrq.stores.memory_raw import MemoryRawQueues
    from mrq.stores.redis_raw import RedisRawQueues

    return on_redis(request, MemoryRawQueues, RedisRawQueues)  # type: ignore[no-any-return]


@dataclass
class ScheduleKit:
    """`put` writes a document past the port, as MRQ 0.9 would have left it."""

    store: ScheduleStore
    put: Callable[[dict[str, Any]], object]


@pytest.fixture(params=["memory", "mongodb", "mongodb with indexes"])
def schedules(request: pytest.FixtureRequest) -> ScheduleKit:
    """No schedule yet."""
    from mrq.stores.memory_schedules import MemoryScheduleStore
    from mrq.stores.mongo_schedules import MongoScheduleStore

    if request.param == "memory":
        memory = MemoryScheduleStore()
        return ScheduleKit(memory, lambda document: memory._documents.update({document["_id"]: document}))
    database = request.getfixturevalue("database")
    store = MongoScheduleStore(database)
    if "indexes" in request.param:
        assert store.ensure_indexes() == ["hash_1", "datenext_1"]
    return ScheduleKit(store, database.mrq_scheduled_jobs.insert_one)


@dataclass
class AgentKit:
    """`put` writes an agent's document past the port."""

    store: AgentStore
    put: Callable[[dict[str, Any]], object]


@pytest.fixture(params=["memory", "mongodb", "mongodb with indexes"])
def agents(request: pytest.FixtureRequest) -> AgentKit:
    """No agent and no worker group."""
    from mrq.stores.memory_agents import MemoryAgentStore
    from mrq.stores.mongo_agents import MongoAgentStore

    if request.param == "memory":
        memory = MemoryAgentStore()
        return AgentKit(memory, lambda document: memory._agents.update({document["_id"]: document}))
    database = request.getfixturevalue("database")
    store = MongoAgentStore(database)
    if "indexes" in request.param:
        assert store.ensure_indexes() == ["worker_group_1", "dateexpires_1"]
    return AgentKit(store, database.mrq_agents.insert_one)


@pytest.fixture(params=["memory", "mongodb"])
def fleets(request: pytest.FixtureRequest) -> FleetStore:
    """Nothing was decided yet."""
    from mrq.stores.memory_fleets import MemoryFleetStore
    from mrq.stores.mongo_fleets import MongoFleetStore

    return MemoryFleetStore() if request.param == "memory" else MongoFleetStore(request.getfixturevalue("database"))


@pytest.fixture(params=["memory", "mongodb"])
def job_keys(request: pytest.FixtureRequest) -> JobKeys:
    """No key stands for any job, and nothing has an index."""
    from mrq.stores.memory_jobkeys import MemoryJobKeys
    from mrq.stores.mongo_jobkeys import MongoJobKeys

    if request.param == "memory":
        return MemoryJobKeys()
    return MongoJobKeys(request.getfixturevalue("database"))


@pytest.fixture(params=REDIS)
def semaphores(request: pytest.FixtureRequest) -> Semaphores:
    """Semaphores, all free."""
    from mrq.stores.memory_limits import MemorySemaphores
    from mrq.stores.redis_semaphores import RedisSemaphores

    return on_redis(request, MemorySemaphores, RedisSemaphores)  # type: ignore[no-any-return]


@pytest.fixture(params=REDIS)
def rates(request: pytest.FixtureRequest) -> Rates:
    """Rates under which nothing has started yet."""
    from mrq.stores.memory_limits import MemoryRates
    from mrq.stores.redis_rates import RedisRates

    return on_redis(request, MemoryRates, RedisRates)  # type: ignore[no-any-return]


def _logs(request: pytest.FixtureRequest, size: int) -> LogStore:
    from mrq.stores.memory_logs import MemoryLogStore
    from mrq.stores.mongo_logs import MongoLogStore

    if request.param == "memory":
        return MemoryLogStore(size)
    return MongoLogStore(request.getfixturevalue("database"), size)


@pytest.fixture(params=["memory", "mongodb"])
def logs(request: pytest.FixtureRequest) -> LogStore:
    """No logs yet."""
    return _logs(request, 16 * 1024 * 1024)


@pytest.fixture(params=["memory", "mongodb"])
def small_logs(request: pytest.FixtureRequest) -> LogStore:
    """Logs that keep 16 KiB."""
    return _logs(request, 16 * 1024)


@pytest.fixture(params=REDIS)
def told_sizes(request: pytest.FixtureRequest) -> tuple[Wakeups, QueueSizes]:
    """Published sizes of queues, and the wake-ups that add to them."""
    from mrq.stores.memory import MemoryWakeups
    from mrq.stores.memory_sizes import MemoryQueueSizes
    from mrq.stores.redis_sizes import RedisQueueSizes
    from mrq.stores.redis_wakeups import RedisWakeups

    def in_memory() -> tuple[Wakeups, QueueSizes]:
        kept = MemoryQueueSizes()
        return MemoryWakeups(kept), kept

    return on_redis(  # type: ignore[no-any-return]
        request, in_memory, lambda client, prefix: (RedisWakeups(client, prefix), RedisQueueSizes(client))
    )


@pytest.fixture
def sizes(told_sizes: tuple[Wakeups, QueueSizes]) -> QueueSizes:
    """Published sizes of queues."""
    return told_sizes[1]


@dataclass
class StatsKit:
    """Statistics over the jobs of a store."""

    store: StatsStore
    jobs: JobStore


@pytest.fixture(params=["memory", "mongodb", "mongodb with indexes"])
def stats(request: pytest.FixtureRequest) -> StatsKit:
    """Nothing has been counted yet, and no job is queued."""
    from mrq.stores.memory import MemoryJobStore
    from mrq.stores.memory_stats import MemoryStatsStore
    from mrq.stores.mongo_jobs import MongoJobStore
    from mrq.stores.mongo_stats import MongoStatsStore

    if request.param == "memory":
        memory = MemoryJobStore()
        return StatsKit(MemoryStatsStore(memory.documents), memory)
    database = request.getfixturevalue("database")
    store, jobs = MongoStatsStore(database), MongoJobStore(database)
    if "indexes" in request.param:
        store.ensure_indexes()
        jobs.ensure_indexes()
    return StatsKit(store, jobs)
