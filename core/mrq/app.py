"""The composition root: settings in, stores and engine out. One app serves a process.

What only workers or schedulers need is imported when they are made: a program that only queues doesn't pay for it.
"""

from __future__ import annotations

import logging
import socket
import weakref
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mrq.app_stores import Stores, StoreShelf
from mrq.domain.gone import GONE
from mrq.domain.job import NewJob
from mrq.domain.jobkeys import SHORTEST_LIFE, KeyTerms
from mrq.domain.options import TaskOptions
from mrq.domain.queuename import parse_queue
from mrq.engine.clock import SystemClock
from mrq.engine.enqueue import Enqueuer
from mrq.engine.metrics import Metrics
from mrq.engine.news import QueueNews, notified
from mrq.engine.options import WorkerOptions
from mrq.engine.raw_enqueue import RawEnqueuer
from mrq.engine.tasks import TaskLoader
from mrq.exceptions import ConfigError, InvalidParamsError, JobTooLargeError, UnknownTaskError
from mrq.ports.spans import NoSpans
from mrq.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mrq.domain.ids import JobId
    from mrq.domain.schedule import Schedule
    from mrq.engine.budget import Budget
    from mrq.engine.bulk import BulkMover
    from mrq.engine.fittings import Fittings
    from mrq.engine.loop import Worker
    from mrq.engine.orchestrating import Orchestrator
    from mrq.engine.ownruns import OwnRuns
    from mrq.engine.queue_samples import QueueSampler
    from mrq.engine.run import Run
    from mrq.engine.scheduler import Scheduler
    from mrq.engine.stats_reading import StatsReader
    from mrq.engine.waking import Waker
    from mrq.ports.clock import Clock
    from mrq.ports.guard import Guard
    from mrq.ports.runtime import Event, Runtime
    from mrq.ports.spans import Spans

__all__ = ["App", "Stores", "get_app", "task_paths", "use_app", "worker_options"]

log = logging.getLogger("mrq")


class App(StoreShelf):
    """Everything that one configuration gives. Opens no connection until one is needed."""

    # `own_runs` has to remember which runs it began
    outlives_connections = StoreShelf.outlives_connections | {"metrics", "own_runs", "runtime", "spans", "tasks"}

    def __init__(
        self, config: dict[str, Any] | None = None, *, stores: Stores | None = None, clock: Clock | None = None
    ) -> None:
        """`config`: a flat dict as `get_config` returns it; it and the tables in it are used, not copied.

        Raises:
            ConfigError: a value is of a wrong type.
        """
        used: dict[str, Any] = {} if config is None else config
        super().__init__(used, Settings.from_dict(used), stores)
        self.clock: Clock = clock or SystemClock()
        self._made: list[weakref.ref[Worker]] = []  # workers

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
            burst_limit=settings.default_job_burst_limit,
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
            self.jobs, self.wakeups, self.clock, keys=lambda: self.job_keys, metrics=self.metrics, news=news,
            waker=self._waker(), spans=self.spans,
        )  # fmt: skip

    @cached_property
    def spans(self) -> Spans:
        """Jobs as parts of traces. Raises ConfigError: OpenTelemetry isn't there, or not the exporter."""
        if not self.settings.otel:
            return NoSpans()
        try:
            from mrq.telemetry import spans_of_process  # noqa: PLC0415 - only who traces pays for it
        except ModuleNotFoundError as error:
            raise ConfigError(f"otel needs OpenTelemetry ({error}): pip install 'mrq-cloud[otel]'") from error
        return spans_of_process(self.settings.log_redact)

    def _waker(self) -> Waker | None:
        """Who is told of jobs that nobody waits for."""
        if not self.settings.wake_up:
            return None
        from mrq.engine.waking import Waker, caller_of  # noqa: PLC0415 - few have one

        call = caller_of(self.settings.wake_up)
        return Waker(call, lambda: self.locks, self.clock, self.settings.wake_up_interval)

    @cached_property
    def news(self) -> QueueNews:
        """What is said when jobs are queued."""
        settings = self.settings
        configs = settings.raw_queues or settings.queues_config
        return QueueNews(self.wakeups, notified(configs), settings.max_latency, settings.queue_ttl)

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

        return Scheduler(
            self.schedules, self.jobs, self.enqueuer, self.clock, self.queue_of, self.tasks.options, self.reports.now
        )  # fmt: skip

    @cached_property
    def orchestrator(self) -> Orchestrator:
        """Spreads worker groups over agents."""
        from mrq.engine.fleets import FleetSizer  # noqa: PLC0415
        from mrq.engine.orchestrating import Orchestrator  # noqa: PLC0415

        sizer = FleetSizer(self.agents, self.fleets, self.stats_reader.queue_figures)
        return Orchestrator(self.agents, self.locks, sizer.processes_of)

    @cached_property
    def queue_sampler(self) -> QueueSampler:
        """Looks at the queues."""
        from mrq.engine.queue_samples import QueueSampler  # noqa: PLC0415

        raw = [name for name in self.queue_table if parse_queue(name).is_raw]
        return QueueSampler(self.stats_store, self.raw, raw, timedelta(seconds=self.settings.stats_minute_ttl))

    @cached_property
    def stats_reader(self) -> StatsReader:
        """Reads what was counted."""
        from mrq.engine.stats_reading import StatsReader  # noqa: PLC0415

        return StatsReader(self.stats_store, self.queue_sampler, self.clock)

    def configured_schedules(self) -> list[Schedule] | None:
        """SCHEDULER_TASKS; None if the configuration doesn't speak of it, as that of a client may not.

        Raises:
            ConfigError: one of them is wrong, or names no task; the message says which.
        """
        from mrq.settings.schedules import schedules_of  # noqa: PLC0415

        if self.settings.scheduler_tasks is None:
            return None
        found = schedules_of(self.settings.scheduler_tasks, self.clock.now())
        for position, schedule in enumerate(found):
            self.check_schedule(schedule, f"SCHEDULER_TASKS[{position}] ({schedule.path})")
        return found

    def check_schedule(self, schedule: Schedule, where: str) -> None:
        """Whether jobs of it could be queued and run.

        Raises:
            ConfigError: they can't; the message begins with `where`.
        """
        try:
            self.tasks.load(schedule.path)
            job = NewJob(self.jobs.new_id(), schedule.path, schedule.params or {}, "default", self.clock.now())
            self.jobs.check([job])
        except UnknownTaskError as error:
            gone = GONE.get(schedule.path)
            raise ConfigError(f"{where}: {f'remove this entry: {gone}' if gone else error}") from error
        except (InvalidParamsError, JobTooLargeError) as error:
            raise ConfigError(f"{where}: {error}") from error

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
            *self.audit.ensure_indexes(largest),
            *self.operations.ensure_indexes(largest),
            *self.agents.ensure_indexes(largest),
            *self._of_insights(largest),
            *(self.stats.ensure_indexes(largest) if self.stats else ()),
        ]

    def _of_insights(self, largest: int | None) -> list[str]:
        if self._stores is not None:
            return []
        return [
            *self.deploys.ensure_indexes(largest),
            *self.profiles.ensure_indexes(largest),
            *self.failures.ensure_indexes(largest),
            *(self.logs.ensure_indexes(largest) if self.logs else ()),
        ]

    def worker(
        self,
        runtime: Runtime,
        guard: Guard | None = None,
        options: WorkerOptions | None = None,
        fittings: Fittings | None = None,
        loops: Sequence[tuple[str, Callable[[Event], None]]] = (),
        budget: Budget | None = None,
    ) -> Worker:
        """A worker as the settings describe it. `budget`: its time, when its end is known beforehand.

        Raises:
            ConfigError: a queue or the strategy can't be served.
        """
        from mrq.engine.loghandlers import guard_all  # noqa: PLC0415 - producers don't need it
        from mrq.engine.loop import Worker  # noqa: PLC0415
        from mrq.engine.obeying import Obedience  # noqa: PLC0415

        guard_all()
        worker = Worker(
            options or worker_options(self.settings),
            stores=self,
            enqueuer=self.enqueuer,
            tasks=self.tasks,
            clock=self.clock,
            runtime=runtime,
            guard=guard,
            fittings=fittings,
            loops=loops,
            budget=budget,
        )
        if self._stores is None or self._stores.orders is not None:
            worker.more_loops.append(("orders", worker.steps.loop(Obedience(worker, self.orders, self.clock).loop)))
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
        stats_ttl=settings.stats_worker_ttl,
        blocking_limit=settings.trace_blocking,
        deploy=settings.deploy,
        trace_memory=settings.trace_memory,
        default_ttl=settings.default_job_ttl,
        only=task_paths(settings.task_whitelist),
        never=task_paths(settings.task_blacklist),
        queue_limits=_queue_limits(settings),
        name=settings.name or socket.gethostname(),
        raw_queues=settings.raw_queues or settings.queues_config,
        # who names queues to be woken for has chosen the others to be polled (MRQ 0.9); who names none is woken for all
        woken=notified(settings.raw_queues or settings.queues_config) or None,
        report_config={name: getattr(settings, name) for name in _SHOWN},
    )


def _queue_limits(settings: Settings) -> dict[str, int]:
    queues = {**settings.queues_config, **settings.raw_queues}
    return {root: limit for root, entry in queues.items() if (limit := entry.get("max_concurrency"))}


def task_paths(listed: str) -> frozenset[str]:
    """The task paths of a comma separated list."""
    return frozenset(path.strip() for path in listed.split(",") if path.strip())


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
