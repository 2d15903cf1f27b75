"""`mrq.worker.Worker`: MRQ 0.9's face of a worker, for subclasses (`worker_class`) and for loops of one's own.

All work is done by mrq.engine.loop.Worker; this class names its parts as 0.9 did.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from mrq.app import get_app, worker_options
from mrq.app_tracing import IoTracing
from mrq.app_upkeep import worker_loops
from mrq.context import get_current_config, get_current_job, set_current_worker
from mrq.domain.worker import WorkerStatus
from mrq.engine.execute import outcome_of
from mrq.engine.fittings import Fittings
from mrq.job import Job
from mrq.logger import mongo_handler
from mrq.ports.guard import NoGuard
from mrq.queue import Queue
from mrq_container.exporting import Exporter
from mrq_container.process import ProcessUsage, memory
from mrq_container.reportfile import ReportFile
from mrq_container.taskprotection import protection_loops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mrq.domain.ids import WorkerId
    from mrq.domain.outcome import Outcome
    from mrq.domain.task import Task
    from mrq.engine.run import Run
    from mrq.engine.shutdown import Exit
    from mrq.engine.state import WorkerState
    from mrq.ports.guard import Guard
    from mrq.ports.runtime import Event
    from mrq.settings import Settings
    from mrq_container.greenlets import GreenletTracer
    from mrq_container.objects import ObjectTrace
    from mrq_container.profiler import Profiler

log = logging.getLogger("mrq.worker")

LAST_SPANS = 2.0  # seconds in which a worker that ends exports its last spans


class Worker:
    """A worker in this process, on the current configuration. Made without arguments.

    `work()` does everything. In a loop of your own: `work_init()` once, `work_loop(...)` as often as you like,
    `work_stop()` once.
    """

    job_class: ClassVar[type[Job]] = Job
    """Of which jobs are made that `perform_job` gets."""
    guard: ClassVar[Guard] = NoGuard()
    """Who watches this process from outside."""

    def __init__(self) -> None:
        """Raises ConfigError: a queue, the strategy or the id can't be served, or a schedule is wrong."""
        self._app = get_app()
        self._usage = ProcessUsage()
        self._tracer = _tracer() if self._app.settings.trace_greenlets else None
        self._performed: dict[int, Outcome] = {}
        self._admin: Any = None
        self._io = IoTracing(self._app, get_current_job)
        self.exporter = Exporter(self._app.clock, others=self._failures)
        self._report_file = ReportFile(self._app.settings.report_file)
        self._objects = _objects(self._app.settings)
        self._profiler: Profiler | None = None
        self.exit: Exit | None = None
        self.log = logging.getLogger("mrq.current")
        self.engine = self._app.worker(
            self._app.runtime,
            self.guard,
            worker_options(self._app.settings),
            self._fittings(),
            [*worker_loops(self._app), *self._protection()],
        )
        self.queues = [Queue(name) for name in self._app.settings.queues]
        set_current_worker(self)

    def _failures(self) -> int:
        """Traces, reports, profiles and looks at memory that came to nothing."""
        parts = (self._report_file, self._objects, self._profiler)
        return self._app.spans.failed + sum(part.failed for part in parts if part is not None)

    def _protection(self) -> list[tuple[str, Callable[[Event], None]]]:
        """What keeps ECS from taking this task while long jobs run."""
        after, clock = self._app.settings.ecs_protect_after, self._app.clock
        return protection_loops(lambda: self.engine.state.active(), after, clock)  # noqa: PLW0108 - not made yet

    def _fittings(self) -> Fittings:
        settings = self._app.settings
        handler = mongo_handler()
        own = type(self).perform_job is not Worker.perform_job or type(self).job_class is not Job
        return Fittings(
            logs=handler.writer(self._app) if handler is not None else None,
            perform=self._perform if own else None,
            process=self._usage.report,
            trace=self._tracer.trace if self._tracer is not None else None,
            profile=self.profile,
            watch=self._objects.watch if self._objects is not None else None,
            io=self._io.trace,
            totals=self.exporter.totals if settings.emf or settings.admin_port else None,
            memory=lambda: memory()["total"],
            reported=self._reported if settings.report_file or settings.emf else None,
        )

    # ---- what it is

    @property
    def state(self) -> WorkerState:
        """What it holds at the moment."""
        return self.engine.state

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, which all of the process share."""
        return get_current_config()

    @property
    def id(self) -> WorkerId:
        """Its identity. It gets a new one when it was taken for dead."""
        return self.engine.state.worker

    @property
    def name(self) -> str:
        """Its name in reports."""
        return self.engine.options.name

    @property
    def status(self) -> str:
        """init, started, spawn, wait, full, join, killing or stop."""
        return self.engine.state.status.value

    @property
    def done_jobs(self) -> int:
        """Jobs whose end is written."""
        return self.engine.state.done_jobs

    @property
    def pool_size(self) -> int:
        """Jobs that may run at the same time."""
        return self.engine.options.greenlets

    @property
    def gevent_pool(self) -> PoolView:
        """The jobs that run."""
        return PoolView(self)

    @property
    def exitcode(self) -> int:
        """With what the process is to end."""
        return self.engine.stop.exit_code

    # ---- its life

    def work(self) -> int:
        """Work until told to stop; the exit code. Raises ServerUnavailableError when it can't register."""
        self.work_init()
        self.work_loop()
        return self.work_stop()

    def work_init(self) -> None:
        """Register, and start what runs beside the jobs: heartbeat, reports, logs, the admin server.

        Raises ServerUnavailableError when MongoDB is away.
        """
        if self._tracer is not None:
            self._tracer.install()
        self._io.install()
        self.engine.begin()
        settings = self._app.settings
        if settings.profile:
            self._own_profiler().begin()
        if settings.admin_port and settings.processes <= 1:  # several can't share a port (MRQ 0.9)
            from mrq_container.admin import AdminServer  # noqa: PLC0415 - few workers have one

            server = AdminServer(self, settings.admin_ip, settings.admin_port)
            self._admin = server if server.start() else None

    def work_loop(self, max_jobs: int | None = None, max_time: float | None = None) -> None:
        """Take and run jobs until a limit is reached or the worker is told to stop, then wait for those that run.

        max_jobs: jobs to take in this loop; max_time: seconds; 0: no limit; None: what is configured.
        """
        self.engine.loop(max_jobs, max_time)
        if not self.engine.stop.graceful:
            self.engine.join()

    def work_once(self, free_pool_slots: int = 1, max_jobs: int | None = None) -> bool:
        """Take jobs once, as far as there are slots, and start them; whether there were any."""
        return self.engine.take(min(free_pool_slots, max_jobs) if max_jobs else free_pool_slots) > 0

    def work_wait(self) -> None:
        """Wait until there may be something to do, at most `max_latency` seconds."""
        kick = self.engine.state.kick
        kick.wait(self.engine.options.max_latency)
        kick.clear()

    def work_stop(self) -> int:
        """Bring all jobs to an end, write what is to be written and sign off; the exit code."""
        self.exit = self.engine.end()
        if self._profiler is not None:
            self._profiler.finish()
        if self.engine.fittings.reported is not None:  # what came since the last report
            last = self.engine.reporter.report(WorkerStatus.STOP, measured=True)
            self.engine.fittings.reported({"_id": str(self.id), **last, "datereported": self._app.clock.now()})
        if self._admin is not None:
            self._admin.stop()
        if self._tracer is not None:
            self._tracer.remove()
        self._io.remove()
        self._app.spans.flush(LAST_SPANS)
        return self.exit.code

    def shutdown_graceful(self) -> None:
        """Take no more jobs, and end when the running ones have."""
        self.engine.stop.finish("asked to shut down")

    def shutdown_now(self) -> None:
        """Interrupt the running jobs and end."""
        self.engine.stop.interrupt("asked to shut down now")

    def shutdown_max_memory(self) -> None:
        """As `shutdown_graceful`, and have a successor started, where somebody does that."""
        self.engine.stop.renew("it uses too much memory")

    def wait_for_idle(self) -> None:
        """Wait until no job runs and one more look at the queues has found none."""
        from mrq_container.admin import published  # noqa: PLC0415

        self.engine.wait_for_idle()
        published(self)

    # ---- jobs

    def profile(self, seconds: float = 10.0) -> str:
        """Begin a sampling profile of this worker; what it says is to be read by people. `mrq profile` shows it."""
        return self._own_profiler().start(seconds)

    def _own_profiler(self) -> Profiler:
        from mrq_container.profiler import Profiler  # noqa: PLC0415 - few workers are asked for one

        if self._profiler is None:
            self._profiler = Profiler(self._app.profiles, self._app.clock, self._app.jobs.new_id, lambda: self.id)
        return self._profiler

    def perform_job(self, job: Job) -> None:
        """Run a job, by its `perform`. To be extended: what happens around this call happens around each job, in its
        greenlet.

        What the task raises is not raised here. Afterwards `job.data` shows how the run ends, with `status`, `result`
        or `exceptiontype` and `traceback`; it is written later. An exception of yours, before or after, is that of the
        job.
        """
        run = job.run
        if run is None:
            raise RuntimeError(f"{job} was not taken by this worker")
        self._performed[id(run)] = job.perform_for_worker()

    def _perform(self, run: Run) -> tuple[Outcome, Task | None]:
        try:
            job = self.job_class.of_run(run)
            run.face = job
            self.perform_job(job)
            outcome = self._performed.pop(id(run), None)
            if outcome is None:
                raise RuntimeError("perform_job() did not call that of mrq.worker.Worker: the job was not run")
            return outcome, run.task
        except BaseException as exc:  # noqa: BLE001 - whatever it is, it is the job's end
            self._performed.pop(id(run), None)
            return outcome_of(exc, run.job, run.options), None

    # ---- queues

    def refresh_queues(self, fatal: bool = False) -> None:
        """Set `queues` to what is served now: `q/` and all its subqueues that have jobs.

        Not needed for jobs to be found. fatal: raise ServerUnavailableError; else `queues` stays.
        """
        names: list[str] = []
        try:
            for name in self._app.settings.queues:
                names += [name, *sorted(Queue(name).get_known_subqueues())] if name.endswith("/") else [name]
        except ConnectionError:
            if fatal:
                raise
            return
        self.queues = [Queue(name) for name in names]

    def get_paused_queues(self) -> frozenset[str]:
        """Names of paused queues. Raises ServerUnavailableError."""
        return self._app.pauses.paused()

    # ---- reports

    def get_worker_report(self, with_memory: bool = False) -> dict[str, Any]:
        """What is to be said of this worker, in MRQ 0.9's fields, with `_id` as text. with_memory: and of the
        memory and CPU time of its process."""
        state = self.engine.state
        report = self.engine.reporter.report(state.status, measured=with_memory)
        return {"_id": str(state.worker), **report, "datereported": self._app.clock.now()}

    def report_worker(self, w: int = 0) -> None:  # noqa: ARG002 - MRQ 0.9
        """Write the report to MongoDB now. Raises ServerUnavailableError."""
        self.engine.reporter.write()

    def _reported(self, report: Mapping[str, Any]) -> None:
        self._report_file.write(report)
        if self._app.settings.emf:
            self.exporter.write_emf(self.engine)


def _objects(settings: Settings) -> ObjectTrace | None:
    if not settings.trace_memory_type:
        return None
    from mrq_container.objects import ObjectTrace  # noqa: PLC0415 - few workers look

    return ObjectTrace(settings.trace_memory_type, settings.trace_memory_output_dir)


def _tracer() -> GreenletTracer:
    from mrq_container.greenlets import GreenletTracer  # noqa: PLC0415 - few workers have one

    return GreenletTracer()


class PoolView:
    """The jobs of a worker as a pool of greenlets, to look at."""

    def __init__(self, worker: Worker) -> None:
        self._engine = worker.engine

    @property
    def size(self) -> int:
        """Jobs that may run at the same time."""
        return self._engine.options.greenlets

    def __len__(self) -> int:
        return len(self._engine.state.running())

    def __iter__(self) -> Iterator[Any]:
        return iter([run.fiber for run in self._engine.state.running() if run.fiber is not None])

    def free_count(self) -> int:
        """Jobs that could be started now."""
        return max(0, self.size - len(self))

    def full(self) -> bool:
        """Whether none could."""
        return self.free_count() == 0
