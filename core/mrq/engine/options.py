"""What one worker is told to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """A worker's orders. Durations are in seconds; 0 means no limit where a limit is meant."""

    queues: tuple[str, ...] = ("default",)
    greenlets: int = 1  # jobs at once
    strategy: str = "sequential"
    max_jobs: int = 0
    max_time: float = 0.0
    max_latency: float = 1.0  # an idle worker looks for jobs at least this often
    heartbeat_interval: float = 3.0
    lease: float = 15.0  # a heartbeat that stands still for so long means that the worker is dead
    stop_timeout: float = 0.0  # a graceful stop interrupts what still runs after this
    report_interval: float = 10.0  # 0: no reports
    paused_queues_refresh_interval: float = 10.0
    requeue_interrupted: bool = True
    interrupt_requeue_delay: float = 10.0
    max_losses: int = 3
    default_ttl: float = 180 * 24 * 3600.0
    only: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    queue_limits: Mapping[str, int] = field(default_factory=dict)  # by root queue: so many jobs at once
    name: str = ""
    worker_id: str = ""  # the first identity; one that is taken is not used
    max_memory: int = 0  # MB
    queue_ttl: float = 24 * 3600.0  # published sizes of queues are forgotten after this
    trace_memory: bool = False  # measure the process before and after each run
    blocking_limit: float = 0.25  # seconds without a switch of which a traced job is warned
    stats_ttl: float = 6 * 3600.0  # what this worker counts in a minute is kept for so long
    woken: frozenset[str] | None = None  # root queues whose producers wake idle workers; None: all
    raw_queues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # the table RAW_QUEUES
    deploy: str = ""  # the version of the code that runs
    report_config: Mapping[str, Any] = field(default_factory=dict)  # the part of the settings shown to others

    interrupt_grace: float = 10.0  # a job that survives its interruption for so long can't be interrupted
    unsettled_limit: int = 2000  # outcomes kept in memory while the database is away
    settle_window: float = 0.002  # outcomes are collected for so long before they are written together
