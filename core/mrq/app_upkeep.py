"""What an app does beside its jobs: in workers that run the scheduler, or as one call a minute from outside."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mrq import app_stats
from mrq.engine.maintenance import Maintenance
from mrq.engine.passing_rescue import PassingRescue
from mrq.engine.raw_rescue import RawRescuer
from mrq.engine.rescue import Rescuer
from mrq.engine.stats_upkeep import INTERVAL, each_minute
from mrq.engine.upkeep import EXPIRY_INTERVAL, INDEX_INTERVAL, Chore, Expiring, Expiry, Upkeep
from mrq.ports.schedules import Synced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from mrq.app import App
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.scheduler")

CHEAP_INDEXES = 100_000
"""An index is made without being asked for in a collection of at most so many documents: that takes a moment."""

LONGEST_TICK = 45.0  # seconds; a tick a minute leaves room for the next one


@dataclass(frozen=True, slots=True)
class Tick:
    """What one call did. `upkeep`: how much there was to do, by the names of the chores that were done; `synced`: the
    schedules of the config that were added, changed and removed."""

    queued: int
    upkeep: Mapping[str, int]
    synced: Synced = field(default_factory=Synced)


def worker_loops(app: App) -> list[tuple[str, Callable[[Event], None]]]:
    """What a worker with `--scheduler` does beside its jobs. What every worker does anyway is not among it, but for the
    statistics.

    Raises:
        ConfigError: a schedule of the config is wrong.
    """
    loops = _statistics_loop(app)
    if not app.settings.scheduler:
        if app.settings.scheduler_tasks:
            log.info("this worker leaves SCHEDULER_TASKS to those with --scheduler, or to `mrq tick`")
        return loops
    scheduler, wanted, upkeep = app.scheduler(), app.configured_schedules(), Upkeep(_shared(app), app.locks, app.clock)
    return [
        *loops,
        ("scheduler", lambda stopped: scheduler.loop(stopped, app.settings.scheduler_interval, wanted)),
        ("upkeep", lambda stopped: upkeep.loop(stopped, app.settings.scheduler_interval)),
    ]


def tick(
    app: App,
    now: datetime | None = None,
    longest: float = LONGEST_TICK,
    sleep: Callable[[float], object] = time.sleep,
) -> Tick:
    """Queue what is due and do everything that workers do for one another, without a worker.

    Any number of ticks may run at once, beside workers too. It takes a moment; up to `longest` seconds when
    workers have fallen silent, for then it watches whether they are dead. `now`: naive, UTC.

    Raises:
        ConfigError: a schedule of the config is wrong; nothing was done.
        StoreUnavailableError: MongoDB doesn't answer; the next tick goes on.
    """
    now = app.reports.now() if now is None else now
    scheduler = app.scheduler()
    synced = scheduler.sync(app.configured_schedules(), now)
    queued = scheduler.tick(now)
    chores = [*_passing(app, longest, sleep), *_shared(app), *_statistics(app)]
    return Tick(queued, Upkeep(chores, app.locks, app.clock).round(now), synced)


def _statistics_loop(app: App) -> list[tuple[str, Callable[[Event], None]]]:
    """Every worker does this, at the same moment, so that one of them does: charts need no scheduler."""
    upkeep = Upkeep(_statistics(app), app.locks, app.clock)
    if not upkeep.chores or not app.settings.report_interval:
        return []
    return [("statistics", lambda stopped: each_minute(stopped, upkeep.round, app.clock))]


def _statistics(app: App) -> list[Chore]:
    """The figures of the last minutes, and a look at the queues."""
    statistics = app_stats.upkeep(app)
    return [] if statistics is None else [Chore("statistics", INTERVAL, statistics.stats_round)]


def _shared(app: App) -> list[Chore]:
    """What no worker does without being told to run the scheduler."""
    expiry = Expiry(expiring(app), app.clock)
    return [
        Chore("expiry", EXPIRY_INTERVAL, expiry.round),
        Chore("indexes", INDEX_INTERVAL, lambda _: len(app.ensure_indexes(CHEAP_INDEXES))),
    ]


def expiring(app: App) -> list[Expiring]:
    """The stores whose documents have a time after which they are deleted; of given stores those that there are."""
    names = (
        "jobs", "job_keys", "workers", "audit", "operations", "agents", "deploys", "profiles", "failures", "logs",
        "stats",
    )  # fmt: skip
    given = app.given_stores
    there = [getattr(app, name) for name in names if given is None or getattr(given, name) is not None]
    return [store for store in there if store is not None]


def _passing(app: App, longest: float, sleep: Callable[[float], object]) -> list[Chore]:
    """What each worker does every few seconds."""
    settings, call = app.settings, app.enqueuer.call_for
    rescuer = Rescuer(
        app.jobs, app.workers, app.clock, settings.heartbeat_interval, settings.max_losses, settings.default_job_ttl,
        returned=call,
    )  # fmt: skip
    rescue = PassingRescue(rescuer, app.workers, app.clock, app.jobs.new_id, app.reports.now, sleep)
    raw = RawRescuer(app.raw, app.jobs, app.workers, returned=call)
    back = Maintenance(app.jobs, app.enqueuer, app.clock)
    return [
        Chore("jobs brought back", 0, lambda _: back.rounds(longest / 3)),
        Chore("jobs rescued", 0, lambda _: rescue.round(longest)),
        Chore("payloads rescued", 0, lambda _: raw.round(None)),
    ]
