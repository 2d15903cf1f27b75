"""What was counted: runs by queue and task, queues and workers over time.

from mrq import stats

for minute in stats.figures(queue="default"):
    print(minute.start, minute.settled, minute.run.p95 if minute.run else "")
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mrq.app import get_app
from mrq.domain.figures import Figures, FleetPoint, QueuePoint, Spread, WorkerPoint
from mrq.domain.objectives import ObjectiveState, states
from mrq.domain.queuefigures import QueueFigures, RunTimes
from mrq.domain.stats import Resolution, counted_as
from mrq.ports.deploys import DEPLOYS_KEPT, Deploy

if TYPE_CHECKING:
    from mrq.engine.stats_reading import StatsReader

__all__ = [
    "Deploy",
    "Figures",
    "FleetPoint",
    "ObjectiveState",
    "QueueFigures",
    "QueuePoint",
    "RunTimes",
    "Spread",
    "WorkerPoint",
    "deploys",
    "figures",
    "figures_and_whole",
    "fleet_history",
    "last_deploy",
    "mark_deploy",
    "objectives",
    "queue_figures",
    "queue_history",
    "resolution_for",
    "totals",
    "worker_history",
]

HOUR = timedelta(hours=1)
LONGEST_VERSION = 200
NAMES = {each.value: each for each in (Resolution.MINUTE, Resolution.HOUR, Resolution.DAY)}
MINUTES_UP_TO, HOURS_UP_TO = timedelta(hours=6), timedelta(days=14)


def figures(
    queue: str | None = None,
    path: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    resolution: str = "",
) -> list[Figures]:
    """The runs of a queue, a task, both, or of all, period by period, without those in which nothing was counted.

    start, end:  UTC, or with a time zone; the last hour if they are left out. The period that `start` is in is whole
    resolution:  "minute", "hour" or "day"; "": minutes up to 6 hours, hours up to 14 days, else days

    Raises ValueError when that is more than 1,500 periods or `resolution` is another word; ServerUnavailableError.
    """
    return figures_and_whole(queue, path, start, end, resolution)[0]


def figures_and_whole(
    queue: str | None = None,
    path: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    resolution: str = "",
) -> tuple[list[Figures], Figures]:
    """What `figures` gives, and the figures of the whole time in one. Raises ValueError, ServerUnavailableError."""
    start, end = _between(start, end)
    return _reader().figures_and_whole(start, end, _resolution(resolution, start, end), queue, path)


def totals(
    by: str = "queue", start: datetime | None = None, end: datetime | None = None, resolution: str = "",
    queue: str | None = None,
) -> list[Figures]:  # fmt: skip
    """The runs of the whole time, one entry a queue, or (`by="task"`) a task, the busiest first.

    queue: only the runs of this queue, as jobs name it

    The other arguments are those of `figures`. Raises ValueError, ServerUnavailableError.
    """
    if by not in ("queue", "task"):
        raise ValueError(f"by is 'queue' or 'task', not {by!r}")
    start, end = _between(start, end)
    return _reader().totals(start, end, _resolution(resolution, start, end), by_task=by == "task", queue=queue)


def queue_history(queue: str, start: datetime | None = None, end: datetime | None = None) -> list[QueuePoint]:
    """What waited in a queue, once a minute; the last hour if nothing else is said, 1,500 minutes at most.

    Raises ServerUnavailableError.
    """
    start, end = _between(start, end)
    return _reader().queue_history(queue, start, end)


def queue_figures(queue: str) -> QueueFigures:
    """A queue as it is now: jobs that wait and that run are counted at once; rates are of the last five minutes, or of
    a run time if that is longer (up to an hour), and None when no worker counts; run times are those measured last.

    Raises ServerUnavailableError.
    """
    return _reader().queue_figures(queue)


def worker_history(worker: str, start: datetime | None = None, end: datetime | None = None) -> list[WorkerPoint]:
    """Processor, memory and greenlets of one worker, by minute; they are kept for 6 hours (`stats_worker_ttl`).

    Raises InvalidJobIdError when `worker` is no id; ServerUnavailableError.
    """
    start, end = _between(start, end)
    return _reader().worker_history(get_app().jobs.parse_id(worker), start, end)


def fleet_history(start: datetime | None = None, end: datetime | None = None, resolution: str = "") -> list[FleetPoint]:
    """All workers together. The arguments are those of `figures`. Raises ValueError, ServerUnavailableError."""
    start, end = _between(start, end)
    return _reader().fleet_history(start, end, _resolution(resolution, start, end))


def objectives(last: timedelta = timedelta(minutes=15)) -> list[ObjectiveState]:
    """Whether queues keep to the objectives that RAW_QUEUES and QUEUES_CONFIG state, by the runs of the last minutes.

    One of a queue in which nothing ran neither holds nor fails: `holds` is None. Raises ServerUnavailableError.
    """
    settings = get_app().settings
    tables = {**settings.queues_config, **settings.raw_queues}
    wanted = {queue: stated for queue, entry in tables.items() if (stated := entry.get("objectives"))}
    if not wanted:
        return []
    end = get_app().clock.now()
    found = {each.queue: each for each in totals("queue", end - last, end)}
    return [
        state
        for queue, stated in sorted(wanted.items())
        for state in states(queue, stated, found.get(counted_as(queue)))
    ]


def mark_deploy(version: str) -> Deploy:
    """Mark that a version of the code goes live now. Raises ValueError: it has no name; ServerUnavailableError."""
    if not version.strip() or len(version) > LONGEST_VERSION:
        raise ValueError(f"a version is a text of 1 to {LONGEST_VERSION} characters, not {version[:50]!r}")
    app = get_app()
    deploy = Deploy(version.strip(), app.clock.now())
    app.deploys.mark(deploy)
    return deploy


def deploys(start: datetime | None = None, end: datetime | None = None) -> list[Deploy]:
    """The marks of a time, the last hour if nothing else is said; the newest 200, oldest first.

    Raises ValueError, ServerUnavailableError.
    """
    start, end = _between(start, end)
    return get_app().deploys.between(start, end)


def last_deploy() -> Deploy | None:
    """The newest mark; None: there is none of the last two years. Raises ServerUnavailableError."""
    app = get_app()
    now = app.clock.now()
    return next(iter(app.deploys.between(now - DEPLOYS_KEPT, now, limit=1)), None)


def resolution_for(length: timedelta) -> Resolution:
    """The resolution that shows so long a time best."""
    if length <= MINUTES_UP_TO:
        return Resolution.MINUTE
    return Resolution.HOUR if length <= HOURS_UP_TO else Resolution.DAY


def _reader() -> StatsReader:
    return get_app().stats_reader


def _resolution(name: str, start: datetime, end: datetime) -> Resolution:
    if not name:
        return resolution_for(end - start)
    if name not in NAMES:
        raise ValueError(f"a resolution is one of {', '.join(NAMES)}, not {name!r}")
    return NAMES[name]


def _between(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    end = get_app().clock.now() if end is None else _utc(end)
    start = end - HOUR if start is None else _utc(start)
    if start >= end:
        raise ValueError(f"the start ({start}) has to be before the end ({end})")
    return start, end


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
