"""The settings of the worker."""

# ruff: noqa: RUF009 - option() makes a field, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass

from mrq.settings.option import option
from mrq.settings.statistics import WORKER, StatisticsSettings


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class WorkerSettings(StatisticsSettings):
    """Which jobs a worker takes, and how many at a time."""

    queues: list[str] = option(
        ["default"],
        "Queues to take jobs from",
        group="Worker",
        kind="words",
        commands=WORKER,
        positional=True,
    )
    greenlets: int = option(
        1,
        "Jobs that run at the same time",
        group="Worker",
        commands=WORKER,
        aliases=("--gevent", "-g"),
        minimum=1,
    )
    processes: int = option(
        0,
        "Worker processes to start and keep alive; 0: this one only",
        group="Worker",
        commands=WORKER,
        aliases=("-p",),
        minimum=0,
    )
    dequeue_strategy: str = option(
        "sequential",
        "sequential: drain the queues in the order given; parallel: take from each in turn; "
        "burst: stop when all are empty",
        group="Worker",
        commands=WORKER,
    )
    max_latency: float = option(
        1.0,
        "Look for new jobs this often while idle",
        group="Worker",
        commands=WORKER,
        unit="seconds",
        above=0,
    )
    task_whitelist: str = option(
        "",
        "Take only jobs of these task paths (comma separated), regular queues only",
        group="Worker",
        commands=WORKER,
    )
    task_blacklist: str = option(
        "",
        "Leave jobs of these task paths (comma separated), regular queues only",
        group="Worker",
        commands=WORKER,
    )
    subqueues_refresh_interval: float = option(
        60.0,
        "Look for new subqueues this often; 0: only at the start",
        group="Worker",
        commands=WORKER,
        unit="seconds",
        minimum=0,
        later="looking for new subqueues",
    )
    paused_queues_refresh_interval: float = option(
        10.0,
        "Look for paused queues this often; 0: never",
        group="Worker",
        commands=WORKER,
        unit="seconds",
        minimum=0,
    )
    ensure_indexes: bool = option(
        False, "Make the indexes in MongoDB before the start", group="Worker", commands=WORKER
    )
    worker_id: str = option(
        "",
        "Id of this worker: 24 hexadecimal digits, used once",
        group="Worker",
        commands=WORKER,
        default_text="a new one at each start",
    )
    deploy: str = option(
        "", "Version of the code that this worker runs, kept with each run of a job", group="Worker", commands=WORKER
    )
    agent_id: str = option("", "Id of the agent that started this worker", group="Worker", commands=WORKER)
    worker_group: str = option(
        "",
        "Group of workers this one belongs to",
        group="Worker",
        commands=("worker", "agent"),
        command_defaults={"agent": "default"},
    )
    local_ip: str | None = option(
        None,
        "Address of this host in reports",
        group="Worker",
        kind="str",
        commands=WORKER,
        default_text="found out at the start",
    )
    external_ip: str | None = option(
        None,
        "Address of this host as seen from outside, in reports",
        group="Worker",
        kind="str",
        commands=WORKER,
    )


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class LimitSettings(WorkerSettings):
    """When a worker stops by itself, and what it tells meanwhile."""

    max_jobs: int = option(
        0, "Stop after this many jobs; 0: no limit", group="Limits", commands=WORKER, unit="jobs", minimum=0
    )
    max_time: float = option(
        0.0,
        "Take no new job after this long; 0: no limit",
        group="Limits",
        commands=WORKER,
        unit="seconds",
        minimum=0,
    )
    max_memory: int = option(
        0,
        "Stop when the process uses more memory than this; 0: no limit",
        group="Limits",
        commands=WORKER,
        unit="MB",
        minimum=0,
    )
    stop_timeout: float = option(
        0.0,
        "A graceful stop lets running jobs finish for this long, then interrupts them; 0: without limit",
        group="Limits",
        commands=WORKER,
        unit="seconds",
        minimum=0,
    )
    ecs_protect_after: float = option(
        30.0,
        "In ECS, keep a scale-in from this task while a job has run for longer than this; 0: never",
        group="Limits",
        commands=WORKER,
        unit="seconds",
        minimum=0,
    )
    report_interval: float = option(
        10.0,
        "Write a report to MongoDB this often; 0: never",
        group="Worker",
        commands=("worker", "agent"),
        unit="seconds",
        minimum=0,
    )
    report_file: str = option("", "Write each report to this file too", group="Worker", commands=WORKER)
    emf: bool = option(
        False,
        "Write metrics to stdout with each report, in CloudWatch's Embedded Metric Format",
        group="Worker",
        commands=WORKER,
    )
    admin_port: int = option(
        0,
        "Port of the HTTP server that answers with the report; 0: none. Off with several processes",
        group="Worker",
        commands=WORKER,
        minimum=0,
    )
    admin_ip: str = option(
        "127.0.0.1",
        "Address that server listens on",
        group="Worker",
        commands=WORKER,
    )


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class ReliabilitySettings(LimitSettings):
    """What happens to jobs when a worker stops or dies. MRQ 0.9 had none of these."""

    heartbeat_interval: float = option(
        3.0,
        "Say this often that the worker is alive",
        group="Reliability",
        commands=WORKER,
        unit="seconds",
        above=0,
    )
    lease: float = option(
        15.0,
        "Take a worker for dead, and its jobs back, when its heartbeat has not changed for this long",
        group="Reliability",
        commands=WORKER,
        unit="seconds",
        above=0,
    )
    requeue_interrupted: bool = option(
        True, "Return jobs that a shutdown interrupted to their queue", group="Reliability", commands=WORKER
    )
    interrupt_requeue_delay: float = option(
        10.0,
        "How long such a job waits before it runs again",
        group="Reliability",
        commands=WORKER,
        unit="seconds",
        minimum=0,
    )
    max_losses: int = option(
        3,
        "A job whose worker died this often while it ran alone ends as failed",
        group="Reliability",
        commands=WORKER,
        minimum=1,
    )
    guard: bool = option(
        True,
        "Watch the worker from a second process that keeps its lease",
        group="Reliability",
        commands=WORKER,
    )
