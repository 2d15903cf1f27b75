"""What `mrq doctor` says about schedules."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.cli.checks import Finding, failed
from mrq.domain.words import many
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from mrq.app import App

ABOUT = "schedules"
LATE = timedelta(minutes=5)  # a tick comes once a minute
MEND = "start a worker with --scheduler, or have cron call `mrq tick` once a minute"


def check_schedules(app: App) -> list[Finding]:
    """Whether anybody looks at the schedules; nothing where there are none."""
    try:
        wanted = app.configured_schedules()
    except ConfigError as error:
        return [Finding("problem", ABOUT, str(error))]
    try:
        stored, earliest, now = app.schedules.page(0, 1), app.schedules.earliest(), app.reports.now()
    except Exception as error:  # noqa: BLE001
        return [failed(ABOUT, "they can't be read", error)]
    if wanted and not stored:
        text = f"SCHEDULER_TASKS has {many(len(wanted), 'schedule')}, and nobody has looked at it yet"
        return [Finding("problem", ABOUT, text, MEND)]
    if earliest is not None and now - earliest > LATE:
        return [Finding("problem", ABOUT, f"one is due since {earliest:%Y-%m-%d %H:%M} UTC: nobody queues it", MEND)]
    if not stored:
        return []
    return [Finding("ok", ABOUT, "none comes again" if earliest is None else f"next {earliest:%Y-%m-%d %H:%M:%S} UTC")]
