"""What is counted, and for how long the sums are kept."""

from __future__ import annotations

from dataclasses import dataclass

from mrq.settings.option import Command, option
from mrq.settings.shared import DAY, TracingSettings

WORKER: tuple[Command, ...] = ("worker",)


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class StatisticsSettings(TracingSettings):
    """Statistics of jobs, queues and workers. MRQ 0.9 had none."""

    stats: bool = option(
        True, "Count jobs by minute, queue and task, and sample queues and workers", group="Statistics", commands=WORKER
    )
    stats_worker_ttl: float = option(
        6 * 3600.0,
        "Keep what each worker counted in a minute for this long",
        group="Statistics",
        commands=WORKER,
        unit="seconds",
        minimum=2 * 3600.0,
    )
    stats_minute_ttl: float = option(
        2 * DAY,
        "Keep the figures of minutes, and the samples of queues, for this long",
        group="Statistics",
        commands=WORKER,
        unit="seconds",
        minimum=3 * 3600.0,
    )
    stats_hour_ttl: float = option(
        60 * DAY,
        "Keep the figures of hours for this long",
        group="Statistics",
        commands=WORKER,
        unit="seconds",
        minimum=2 * DAY,
    )
    stats_day_ttl: float = option(
        730 * DAY,
        "Keep the figures of days for this long",
        group="Statistics",
        commands=WORKER,
        unit="seconds",
        minimum=2 * DAY,
    )
