"""The composition root: settings in, stores and engine out. One app serves a process.

Drivers are imported when a store is first used, the worker when one is made, not before: a program that only imports
its tasks, or a Lambda handler that never touches Redis, doesn't pay for them.
"""

from __future__ import annotations

import logging
import socket
import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from mrq.domain.jobkeys import SHORTEST_LIFE, KeyTerms
from mrq.domain.options import TaskOptions
from mrq.engine.clock import SystemClock
from mrq.engine.enqueue import Enqueuer
from mrq.engine.metrics import Metrics
from mrq.engine.news import QueueNews, notified
from mrq.engine.options import WorkerOptions
from mrq.engine.raw_enqueue import RawEnqueuer
from mrq.engine.tasks import TaskLoader
from mrq.exceptions import ConfigError, UnknownTaskError
from mrq.ports.logs import LOGS_SIZE
from mrq.settings import Settings, load
from mrq.stores.connections import OFF, Clients

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mrq.domain.ids import JobId
    from mrq.domain.schedule import Schedule
    from mrq.engine.bulk import BulkMover
    from mrq.engine.fittings import Fittings
    from mrq.engine.loop import Worker
    from mrq.engine.ownruns import OwnRuns
    from mrq.engine.run import Run
    from mrq.engine.scheduler import Scheduler
    from mrq.ports.clock import Clock
    from mrq.ports.guard import Guard
    from mrq.ports.jobkeys import JobKeys
    from mrq.ports.jobs import JobStore
    from mrq.ports.locks import Locks
    from mrq.ports.logs import LogStore
    from mrq.ports.pauses import Pauses
    from mrq.ports.rates import Rates
    from mrq.ports.raw import RawQueues
    from mrq.ports.reports import JobReports
    from mrq.ports.runtime import Event, Runtime
    from mrq.ports.schedules import ScheduleStore
    from mrq.ports.semaphores import Semaphores
    from mrq.ports.sizes import QueueSizes
    from mrq.ports.wakeups import Wakeups
    from mrq.ports.workers import WorkerStore

log = logging.getLogger("mrq")

T = TypeVar("T")

_NO_CONNECTION = frozenset({"_clients", "metrics", "own_runs", "runtime", "tasks"})
"""Parts of an app that outlive its connections: `own_runs` has to remember which runs it began."""


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


class App:
    """Everything that one configuration gives. Opens no connection until one is needed."""

    def __init__(
        self, config: dict[str, Any] | None = None, *, stores: Stores | None = None, clock: Clock | None = None
    ) -> None:
        """`config`: a flat dict as `get_config` returns it; it and the tables in it are used, not copied.

        Raises:
            ConfigError: a value is of a wrong type.
        """
        self.config: dict[str, Any] = {} if config is None else config
        self.settings = Settings.from_dict(self.config)
        self.clock: Clock = clock or SystemClock()
        self._stores = stores
        self._made: list[weakref.ref[Worker]] = []  # workers

    # ---- stores

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
        return self.logs_of_size(LOGS_SIZE)

    def logs_of_size(self, size: int) -> LogStore | None:
        """The logs of jobs, to be kept to this many bytes."""
        if str(self.settings.mongodb_logs) == OFF:
            return None
        if self._stores:
            return _given(self._stores.logs, "logs")
        from mrq.stores.mongo_client import database_of  # noqa: PLC0415
        from mrq.stores.mongo_logs import MongoLogStore  # noqa: PLC0415

        return MongoLogStore(database_of(self._clients.get("mongodb_logs")), size)

    @cached_property
    def raw(self) -> RawQueues:
        """What waits in raw queues."""
        if self._stores:
            return _given(self._stores.raw, "raw")
        from mrq.stores.redis_raw import RedisRawQueues  # noqa: PLC0415

        return RedisRawQueues(self._redis, self.settings.redis_prefix)

    @cached_property
    def reports(self) -> JobReports:
        """Sums over all jobs, for people."""
        if self._stores:
            return _given(self._stores.reports, "reports")
        from mrq.stores.mongo_reports import MongoJobReports  # noqa: PLC0415

        return MongoJobReports(self._database)

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
        for name, attribute in vars(type(self)).items():
            if isinstance(attribute, cached_property) and name not in _NO_CONNECTION:
                opened.pop(name, None)
        self._clients.forget()

    def close(self) -> None:
        """Close the connections. Using the app again opens new ones."""
        self.forget_connections()
        vars(self).pop("own_runs", None)
        self._clients.close()

    # ---- how this process runs things side by side

    @cached_property
    def runtime(self) -> Runtime:
        """Greenlets in a process that gevent has patched, else threads. A worker's process sets its own."""
        from mrq.engine.runtimes import runtime_of_process  # noqa: PLC0415

        return runtime_of_process()

    # ---- use cases

    @cached_property
    def tasks(self) -> TaskLoader:
        """Finds tasks and what is set for them."""
        settings = self.settings
        defaults = TaskOptions(
            timeout=settings.default_job_timeout,
            default_ttl=settings.default_job_ttl,
            result_ttl=settings.default_job_result_ttl,
            abort_ttl=settings.default_job_abort_ttl,
            cancel_ttl=settings.default_job_cancel_ttl,
            max_retries=settings.default_job_max_retries,
            retry_delay=settings.default_job_retry_delay,
        )
        return TaskLoader(defaults, settings.tasks)

    @cached_property
    def metrics(self) -> Metrics:
        """Tells the user's hook what is counted. The hook may be exchanged in the configuration at any time."""
        return Metrics(lambda: self.config.get("metric_hook"))

    @cached_property
    def enqueuer(self) -> Enqueuer:
        """Puts jobs into queues."""
        news = None if self._stores and self._stores.sizes is None else self.news
        return Enqueuer(
            self.jobs, self.wakeups, self.clock, keys=lambda: self.job_keys, metrics=self.metrics, news=news
        )

    @cached_property
    def news(self) -> QueueNews:
        """What is said when jobs are queued."""
        settings = self.settings
        configs = settings.raw_queues or settings.queues_config
        return QueueNews(self.wakeups, self.sizes, notified(configs), settings.max_latency, settings.queue_ttl)

    @cached_property
    def bulk(self) -> BulkMover:
        """Cancels or requeues many jobs."""
        from mrq.engine.bulk import BulkMover  # noqa: PLC0415

        return BulkMover(self.jobs, self.enqueuer, self.clock)

    @cached_property
    def own_runs(self) -> OwnRuns:
        """Starts and ends single jobs outside of a worker."""
        from mrq.engine.ownruns import OwnRuns  # noqa: PLC0415

        return OwnRuns(self.jobs, self.workers, self.tasks, self.clock, self.enqueuer.patience)

    def holder_of(self, job: JobId) -> tuple[Worker, Run] | None:
        """The worker of this process that holds a job now, and its run of it."""
        for reference in self._made:
            worker = reference()
            run = worker.state.run_of(job) if worker else None
            if worker is not None and run is not None:
                return worker, run
        return None

    @cached_property
    def raw_enqueuer(self) -> RawEnqueuer:
        """Puts payloads into raw queues."""
        return RawEnqueuer(self.raw, self.enqueuer, self.clock)

    @property
    def queue_table(self) -> Mapping[str, Mapping[str, Any]]:
        """What is set for queues: RAW_QUEUES, or QUEUES_CONFIG when that is empty (MRQ 0.9)."""
        return self.settings.raw_queues or self.settings.queues_config

    def queue_of(self, path: str) -> str:
        """The queue of a task's jobs when none is named: `TASKS[path]["queue"]`, what the task says, or
        "default"."""
        return self.tasks.options(path).queue or "default"

    def scheduler(self) -> Scheduler:
        """Queues what recurs: `tick` once, or `loop` in a worker."""
        from mrq.engine.scheduler import Scheduler  # noqa: PLC0415 - time zones and cron are for schedulers only

        return Scheduler(self.schedules, self.jobs, self.enqueuer, self.clock, self.queue_of, self.tasks.options)

    def configured_schedules(self) -> list[Schedule]:
        """SCHEDULER_TASKS.

        Raises:
            ConfigError: one of them is wrong, or names no task; the message says which.
        """
        from mrq.settings.schedules import schedules_of  # noqa: PLC0415

        found = schedules_of(self.settings.scheduler_tasks, self.clock.now())
        for position, schedule in enumerate(found):
            try:
                self.tasks.load(schedule.path)
            except UnknownTaskError as error:
                raise ConfigError(f"SCHEDULER_TASKS[{position}] ({schedule.path}): {error}") from error
        return found

    def _worker_loops(self) -> list[tuple[str, Callable[[Event], None]]]:
        """What this worker does beside its jobs."""
        if not self.settings.scheduler:
            return []
        scheduler, wanted = self.scheduler(), self.configured_schedules()
        return [("scheduler", lambda stopped: scheduler.loop(stopped, self.settings.scheduler_interval, wanted))]

    def key_terms(self, path: str, keys: Sequence[str | None], ttl: float) -> KeyTerms:
        """The keys of jobs of a task, as the Enqueuer wants them."""
        return KeyTerms(keys, ttl, max(SHORTEST_LIFE, self.tasks.options(path).default_ttl))

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """Create the indexes that are missing; names of those that were. `largest`: see JobStore."""
        return [
            *self.jobs.ensure_indexes(largest),
            *self.workers.ensure_indexes(largest),
            *self.job_keys.ensure_indexes(largest),
            *self.schedules.ensure_indexes(largest),
        ]

    def worker(
        self,
        runtime: Runtime,
        guard: Guard | None = None,
        options: WorkerOptions | None = None,
        fittings: Fittings | None = None,
    ) -> Worker:
        """A worker as the settings describe it.

        Raises:
            ConfigError: a queue or the strategy can't be served, or a schedule is wrong.
        """
        from mrq.engine.loop import Worker  # noqa: PLC0415 - producers don't need it

        worker = Worker(
            options or worker_options(self.settings),
            stores=self,
            enqueuer=self.enqueuer,
            tasks=self.tasks,
            clock=self.clock,
            runtime=runtime,
            guard=guard,
            fittings=fittings,
            loops=self._worker_loops(),
        )
        self._made = [reference for reference in self._made if reference() is not None]
        self._made.append(weakref.ref(worker))
        return worker


_SHOWN = ("max_jobs", "max_memory", "greenlets", "processes", "queues", "dequeue_strategy", "scheduler", "name",
          "local_ip", "external_ip", "agent_id", "worker_group")  # fmt: skip


def worker_options(settings: Settings) -> WorkerOptions:
    """What a worker is told to do, from the settings."""
    return WorkerOptions(
        queues=tuple(settings.queues),
        greenlets=settings.greenlets,
        strategy=settings.dequeue_strategy,
        max_jobs=settings.max_jobs,
        max_time=settings.max_time,
        max_latency=settings.max_latency,
        paused_queues_refresh_interval=settings.paused_queues_refresh_interval,
        heartbeat_interval=settings.heartbeat_interval,
        lease=settings.lease,
        stop_timeout=settings.stop_timeout,
        report_interval=settings.report_interval,
        requeue_interrupted=settings.requeue_interrupted,
        interrupt_requeue_delay=settings.interrupt_requeue_delay,
        max_losses=settings.max_losses,
        max_memory=settings.max_memory,
        worker_id=settings.worker_id,
        queue_ttl=settings.queue_ttl,
        default_ttl=settings.default_job_ttl,
        only=task_paths(settings.task_whitelist),
        never=task_paths(settings.task_blacklist),
        queue_limits=_queue_limits(settings),
        name=settings.name or socket.gethostname(),
        raw_queues=settings.raw_queues or settings.queues_config,
        report_config={name: getattr(settings, name) for name in _SHOWN},
    )


def _queue_limits(settings: Settings) -> dict[str, int]:
    queues = {**settings.queues_config, **settings.raw_queues}
    return {root: limit for root, entry in queues.items() if (limit := entry.get("max_concurrency"))}


def task_paths(listed: str) -> frozenset[str]:
    """The task paths of a comma separated list."""
    return frozenset(path.strip() for path in listed.split(",") if path.strip())


def _given(store: T | None, name: str) -> T:
    if store is None:
        raise TypeError(f"the Stores of this App were made without {name}; give Stores(..., {name}=...)")
    return store


_current: App | None = None


def use_app(app: App | None) -> None:
    """Make this the process's app; None forgets the current one."""
    global _current  # noqa: PLW0603 - the one process-wide value: greenlets don't inherit context variables
    _current = app


def get_app() -> App:
    """The process's app. If none was set, one is made from mrq-config.py and the environment.

    Raises:
        ConfigError: the configuration is wrong.
    """
    if _current is None:
        loaded = load("client")
        for warning in loaded.warnings:
            log.warning("%s", warning)
        use_app(App(loaded.settings.as_dict()))
    if _current is None:
        raise RuntimeError("use_app() lost the app it was given")
    return _current
