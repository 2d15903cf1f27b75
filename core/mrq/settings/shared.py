"""The settings that every command has."""

# ruff: noqa: RUF009 - option() makes a field, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mrq.domain.redaction import COMMON
from mrq.settings.option import FILE_ONLY, option

DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class ServerSettings:
    """MongoDB and Redis."""

    mongodb_jobs: str | Any = option(
        "mongodb://127.0.0.1:27017/mrq",
        "MongoDB that holds jobs and workers; the path of the URL names the database",
        group="Servers",
        kind="server",
        aliases=("--mongodb",),
    )
    mongodb_logs: str | Any = option(
        "1",
        "MongoDB that holds the logs of jobs; 1: the same as for jobs, 0: none",
        group="Servers",
        kind="server",
    )
    redis: str | Any = option(
        "redis://127.0.0.1:6379",
        "Redis, or rediss:// with TLS; the path selects a database",
        group="Servers",
        kind="server",
    )
    redis_cluster: str = option(
        "auto",
        "Whether Redis is in cluster mode: on, off, or auto, which asks it",
        group="Servers",
    )
    redis_prefix: str = option("mrq", "First part of the name of every key in Redis", group="Servers")
    redis_max_connections: int = option(
        1000, "Connections to Redis that one process may open", group="Servers", minimum=1
    )
    redis_timeout: float = option(
        30.0, "Wait this long for a free connection to Redis", group="Servers", unit="seconds", minimum=0
    )
    server_timeout: float = option(
        5.0, "Say that a server can't be reached after this long", group="Servers", unit="seconds", above=0
    )
    add_network_latency: str = option(
        "0",
        "Slow each network call down, for tests: seconds, or a range such as 0.01-0.1",
        group="Servers",
        unit="seconds",
    )


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class JobSettings(ServerSettings):
    """How jobs behave unless their task says otherwise."""

    default_job_ttl: float = option(
        180 * DAY,
        "Delete jobs that did not end well (failed, timeout, retry ...) after this long",
        group="Queues and jobs",
        unit="seconds",
        minimum=0,
    )
    default_job_result_ttl: float = option(
        7 * DAY,
        "Delete jobs that succeeded after this long",
        group="Queues and jobs",
        unit="seconds",
        minimum=0,
    )
    default_job_abort_ttl: float = option(
        DAY, "Delete jobs that aborted after this long", group="Queues and jobs", unit="seconds", minimum=0
    )
    default_job_cancel_ttl: float = option(
        DAY,
        "Delete jobs that were cancelled after this long",
        group="Queues and jobs",
        unit="seconds",
        minimum=0,
    )
    default_job_timeout: float = option(
        3600.0, "Stop jobs that run longer than this", group="Queues and jobs", unit="seconds", minimum=0
    )
    default_job_max_retries: int = option(
        3, "How often a job may ask to run again; 0: never", group="Queues and jobs", minimum=0
    )
    default_job_retry_delay: int = option(
        3, "How long a job that asked to run again waits", group="Queues and jobs", unit="seconds", minimum=0
    )
    default_job_burst_limit: float = option(
        0.0,
        "Let Lambda bursts expect that a job takes no longer than this; 0: they leave it to containers",
        group="Queues and jobs",
        unit="seconds",
        minimum=0,
    )
    wake_up: str = option(
        "",
        "Whom to invoke when jobs come into a queue that no worker listens to: lambda:FUNCTION; empty: nobody",
        group="Queues and jobs",
        commands=FILE_ONLY,
    )
    wake_up_interval: float = option(
        5.0,
        "Wake somebody for the same queue at most this often",
        group="Queues and jobs",
        commands=FILE_ONLY,
        unit="seconds",
        above=0,
    )
    queue_ttl: float = option(
        DAY,
        "Forget the size of a queue that did not change for this long",
        group="Queues and jobs",
        unit="seconds",
        minimum=0,
    )
    use_large_job_ids: bool = option(
        False,
        "Allow job ids that are not ObjectIds in raw queues",
        group="Queues and jobs",
        obsolete="job ids are stored as they are",
    )


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class GeneralSettings(JobSettings):
    """Names, the config file, code to load."""

    name: str | None = option(None, "Name of this process in reports", group="General", kind="str")
    config: str | None = option(
        None,
        "Config file",
        group="General",
        kind="str",
        aliases=("-c",),
        default_text="mrq-config.py in the current directory, if there is one",
    )
    worker_class: str = option("mrq.worker.Worker", "Class of the worker", group="General")
    no_import_patch: bool = option(
        False,
        "Do not patch imports (deprecated)",
        group="General",
        obsolete="imports are never patched",
    )


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class LoggingSettings(GeneralSettings):
    """What is written, and where to."""

    quiet: bool = option(False, "Write no log lines to the terminal", group="Logging")
    log_level: str = option(
        "DEBUG", "Leave out what is less important: DEBUG, INFO, WARNING, ERROR or CRITICAL", group="Logging"
    )
    log_format: str = option(
        "%(asctime)s [%(levelname)s] %(message)s",
        "Format of a log line, as Python's logging has it, or json",
        group="Logging",
    )
    log_redact: list[str] = option(
        list(COMMON),
        "Hide values under names that have one of these words in them, in log lines and in params that are shown",
        group="Logging",
        commands=FILE_ONLY,
    )
    log_handler: str = option(
        "mrq.logger.MongoHandler",
        "Class of the handler that keeps logs",
        group="Logging",
    )
    log_handlers: dict[str, dict[str, Any]] = option(
        {},
        "Log handlers: class path to its arguments",
        group="Logging",
        commands=FILE_ONLY,
    )


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class TracingSettings(LoggingSettings):
    """What to record about running jobs."""

    trace_greenlets: bool = option(
        False,
        "Record of each job its processor time, its switches and its longest stretch without one",
        group="Tracing",
    )
    trace_blocking: float = option(
        0.25,
        "With --trace_greenlets: warn of jobs that keep the others waiting for this long; 0: never",
        group="Tracing",
        commands=("worker",),
        unit="seconds",
        minimum=0,
    )
    trace_memory: bool = option(
        False, "Record by how much the memory of the process grew during each job", group="Tracing"
    )
    trace_io: bool = option(False, "Record the input and output of jobs", group="Tracing")
    trace_memory_type: str = option(
        "", "Draw what keeps objects of this type that jobs leave, such as dict or tasks.Page", group="Tracing"
    )
    trace_memory_output_dir: str = option("memory_traces", "Directory for these drawings", group="Tracing")
    otel: bool = option(False, "Trace jobs with OpenTelemetry, from who queues them to who runs them", group="Tracing")
    print_mongodb: bool = option(False, "Write each MongoDB query to the log", group="Tracing")
    profile: bool = option(
        False, "Sample where the time goes as long as the process lives, and say it at the end", group="Tracing"
    )
