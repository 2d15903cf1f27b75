"""The settings of the scheduler and of the other commands, and what only a config file can say."""

# ruff: noqa: RUF009 - option() makes a field, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrq.settings.dashboard import DashboardSettings
from mrq.settings.option import FILE_ONLY, Command, option
from mrq.settings.statistics import WORKER

if TYPE_CHECKING:
    from collections.abc import Callable

RUN: tuple[Command, ...] = ("run",)
AGENT: tuple[Command, ...] = ("agent",)


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class CommandSettings(DashboardSettings):
    """The scheduler (part of a worker), mrq-run and mrq-agent."""

    scheduler: bool = option(
        False,
        "Queue the scheduled tasks when they are due",
        group="Scheduler",
        commands=WORKER,
    )
    scheduler_interval: float = option(
        60.0,
        "Look for tasks that are due this often",
        group="Scheduler",
        commands=WORKER,
        unit="seconds",
        above=0,
    )
    queue: str = option(
        "",
        "Put the job on this queue and print its id, instead of running it here",
        group="Run",
        commands=RUN,
    )
    total_memory: int = option(
        0,
        "Memory that workers may use together",
        group="Agent",
        commands=AGENT,
        unit="MB",
        minimum=0,
        default_text="80 % of this host's",
    )
    total_cpu: int = option(
        0,
        "Processor units that workers may use together",
        group="Agent",
        commands=AGENT,
        minimum=0,
        default_text="1024 for each core",
    )
    orchestrate_interval: float = option(
        30.0,
        "Spread the workers over the agents this often",
        group="Agent",
        commands=AGENT,
        unit="seconds",
        above=0,
    )
    autoscaling_taskpath: str | None = option(
        None,
        "Task to run before the workers are spread; it may change the worker groups",
        group="Agent",
        kind="str",
        commands=AGENT,
    )


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class FileSettings(CommandSettings):
    """What has no flag, since it is a table or a function. Values are the config file's own objects."""

    tasks: dict[str, dict[str, Any]] = option(
        {}, "Task path to its queue, timeout, ttls and retries", group="Queues and jobs", commands=FILE_ONLY
    )
    raw_queues: dict[str, dict[str, Any]] = option(
        {},
        "Raw queue to its job factory and options",
        group="Queues and jobs",
        commands=FILE_ONLY,
    )
    queues_config: dict[str, dict[str, Any]] = option(
        {}, "Queue to its options", group="Queues and jobs", commands=FILE_ONLY
    )
    scheduler_tasks: list[dict[str, Any]] | None = option(
        None, "Tasks to queue at set times", group="Scheduler", kind="list", commands=FILE_ONLY
    )
    eventbridge_role: str = option(
        "",
        "ARN of the role with which EventBridge Scheduler invokes the scheduler's function when a schedule is due; "
        "empty: it is not used",
        group="Scheduler",
        commands=FILE_ONLY,
    )
    eventbridge_group: str = option(
        "default",
        "Group of EventBridge Scheduler for these entries; one for each database",
        group="Scheduler",
        commands=FILE_ONLY,
    )
    event_jobs: list[dict[str, Any]] = option(
        [],
        "Events of AWS, and the jobs that mrq_lambda.events makes of them",
        group="Queues and jobs",
        commands=FILE_ONLY,
    )
    metric_hook: Callable[..., object] | None = option(
        None,
        "Called with each metric: (name, incr=1, **kw)",
        group="Tracing",
        kind="function",
        commands=FILE_ONLY,
    )
    mongodb_pre_hook: Callable[..., object] | None = option(
        None,
        "Called before MongoDB",
        group="Tracing",
        kind="function",
        commands=FILE_ONLY,
    )
    mongodb_post_hook: Callable[..., object] | None = option(
        None,
        "Called after MongoDB",
        group="Tracing",
        kind="function",
        commands=FILE_ONLY,
    )
    redis_pre_hook: Callable[..., object] | None = option(
        None,
        "Called before Redis",
        group="Tracing",
        kind="function",
        commands=FILE_ONLY,
    )
    redis_post_hook: Callable[..., object] | None = option(
        None,
        "Called after Redis",
        group="Tracing",
        kind="function",
        commands=FILE_ONLY,
    )
    print_mongodb_hidden_collections: list[str] = option(
        [],
        "Collections whose queries are not written to the log",
        group="Tracing",
        commands=FILE_ONLY,
    )
