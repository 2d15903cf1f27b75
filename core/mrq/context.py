"""What a task finds around it: its job, its configuration, its logger."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mrq.app import App, get_app, use_app
from mrq.config import get_config
from mrq.engine.run import Process as _Process
from mrq.helpers import metric
from mrq.job import Job, bind, current_job, job_of, queue_job, queue_jobs, queue_raw_jobs
from mrq.subpool import subpool_imap, subpool_map

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.ports.runtime import Fiber

__all__ = [
    "abort_current_job",
    "connections",
    "enable_greenlet_tracing",
    "get_config",
    "get_current_config",
    "get_current_job",
    "get_current_worker",
    "log",
    "metric",
    "queue_job",
    "queue_jobs",
    "queue_raw_jobs",
    "retry_current_job",
    "run_task",
    "set_current_config",
    "set_current_job",
    "set_current_job_progress",
    "set_current_worker",
    "set_logger_config",
    "setup_context",
    "subpool_imap",
    "subpool_map",
]

log = logging.getLogger("mrq.current")
"""The logger for tasks."""


def setup_context(**kwargs: Any) -> None:
    """Configure this process. The arguments are those of `get_config`.

    Not needed where mrq-config.py and the environment say it all: the first use of MRQ reads them.
    """
    set_current_config(get_config(**kwargs))


def set_current_config(config: dict[str, Any]) -> None:
    """Use this very dict as the configuration from now on. Connections of the former one are left to its users.

    Raises ConfigError.
    """
    use_app(App(config))


def get_current_config() -> dict[str, Any]:
    """The configuration of this process: one dict that all share. Tables and hooks in it are the config file's
    own objects. MRQ's own settings are read once; METRIC_HOOK and your keys may be changed at any time."""
    config = get_app().config
    if not config:
        log.warning("the configuration is empty; call setup_context()")
    return config


def set_logger_config() -> None:
    """Write the log of MRQ and of tasks to stderr, as `log_format`, `log_level` and `quiet` say.

    The commands do it by themselves; a script calls it after `setup_context`.
    """
    from mrq.logger import formatter_of  # noqa: PLC0415 - most who import this module never write a log

    settings = get_app().settings
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter_of(settings.log_format, settings))
    ours = logging.getLogger("mrq")
    ours.handlers[:] = [handler]
    ours.propagate = False
    ours.setLevel(logging.ERROR if settings.quiet else settings.log_level)


def enable_greenlet_tracing() -> None:
    """MRQ 0.9's switch for `trace_greenlets`. Says what to do in its place, and does nothing."""
    log.warning("enable_greenlet_tracing() has no effect: start the worker with --trace_greenlets")


# ---- the job


def get_current_job(greenlet_id: int | None = None) -> Job | None:
    """The job that runs here, or None outside of one. Sub-pools see the job that opened them.

    greenlet_id: id() of a greenlet (the identifier of a thread, without gevent): the job that runs there
    """
    if greenlet_id is None or greenlet_id == get_app().runtime.current():
        return current_job()
    found = _jobs_by_fiber().get(greenlet_id)
    return None if found is None else found[1]


def set_current_job(job: Job | None) -> None:
    """Make a job the current one here, and in sub-pools that are opened here; None: there is none any more."""
    bind(job)


def _jobs_by_fiber() -> dict[int, tuple[Fiber, Job]]:
    worker = _Process.worker
    if worker is None:
        return {}
    active = getattr(worker, "engine", worker).state.active()  # the face of a worker, or the engine's own
    return {fiber.ident: (fiber, job_of(run)) for run in active for fiber in run.fibers()}


def get_current_worker() -> Any:
    """The mrq.worker.Worker of this process, or None: in a script, under mrq-run and in `mrq.testing` there is none."""
    return _Process.worker


def set_current_worker(worker: Any) -> None:
    """Say which worker this process runs."""
    _Process.worker = worker


def retry_current_job(delay: float | None = None, max_retries: int | None = None, queue: str | None = None) -> None:
    """End this run and have the job run again after `delay` seconds. Does nothing outside a job.

    Raises RetryInterrupt, or MaxRetriesInterrupt; both are for the worker.
    """
    job = get_current_job()
    if job is not None:
        job.retry(delay=delay, max_retries=max_retries, queue=queue)


def abort_current_job() -> None:
    """End this run for good, as `abort`. Does nothing outside a job. Raises AbortInterrupt for the worker."""
    job = get_current_job()
    if job is not None:
        job.abort()


def set_current_job_progress(ratio: float, save: bool = False) -> None:
    """Say how far the job is, from 0 to 1. It is stored with the worker's next report (`report_interval`); `save`: at
    once. Does nothing outside a job."""
    job = get_current_job()
    if job is not None:
        job.set_progress(ratio, save=save)


def run_task(path: str, params: Any) -> Any:
    """Run a task here and now, without a job, and return what it returns. Raises UnknownTaskError."""
    return get_app().tasks.load(path)().run_wrapped(params)


# ---- connections


class Connections:
    """Clients of MongoDB and Redis, made when they are first read: `redis`, `mongodb_jobs`, `mongodb_logs`, and
    every key of the configuration that starts with redis or mongodb.

    The first two are the clients that MRQ itself uses. A MongoDB client is a pymongo Database. A setting of "0"
    makes it None, "1" makes `mongodb_logs` the same object as `mongodb_jobs`, and what is no text in the
    configuration is taken for a client that is ready for use.
    """

    def __init__(self) -> None:
        self._factories: list[Callable[[str], Any]] = []
        self._made: dict[str, Any] = {}

    def add_factory(self, factory: Callable[[str], Any]) -> None:
        """Ask this function for names that the configuration doesn't have: it takes a name and returns an
        object, which is kept until `reset`, or None."""
        self._factories.append(factory)

    def reset(self) -> None:
        """Forget all of them; they are made anew when they are next read. Nothing is closed: jobs that run
        may be using them."""
        self._made.clear()
        get_app().forget_connections()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        app = get_app()
        if app.has_connection(name):
            return app.connection(name)
        if name not in self._made:
            self._made[name] = self._from_factories(name)
        return self._made[name]

    def _from_factories(self, name: str) -> Any:
        for factory in self._factories:
            value = factory(name)
            if value is not None:
                return value
        raise AttributeError(
            f"there is no connection {name!r}: set {name.upper()} in the config file (names start with redis or "
            "mongodb), or give connections.add_factory() a function that makes it"
        )


connections = Connections()


class _GlobalContext(Mapping[str, Any]):
    """What MRQ 0.9 kept in a global dict, to be read: `greenlets` (by id: the fiber and its job), `worker`,
    `config`."""

    _KEYS = ("greenlets", "worker", "config")

    def __getitem__(self, key: str) -> Any:
        if key == "greenlets":
            return _jobs_by_fiber()
        if key == "worker":
            return _Process.worker
        if key == "config":
            return get_app().config
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._KEYS)

    def __len__(self) -> int:
        return len(self._KEYS)


_GLOBAL_CONTEXT: Mapping[str, Any] = _GlobalContext()
