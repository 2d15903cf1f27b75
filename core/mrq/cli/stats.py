"""`mrq stats`: what ran lately, by queue or by task, in the terminal."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from mrq.app import App
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.domain.status import Status
from mrq.domain.words import many
from mrq.settings import load
from mrq.stats import resolution_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mrq.domain.figures import Figures, Spread
    from mrq.domain.stats import Backlog

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MOST_ROWS = 50
HOUR, LONGEST_TIME = timedelta(hours=1), timedelta(days=730)
BAD_TIME = "write a number with s, m, h or d behind it, up to 730d, such as 90m"


class TimeSpan(click.ParamType):  # type: ignore[type-arg]
    """`90m`, `24h`, `7d`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,9})([smhd])", str(value).strip())
        length = timedelta(seconds=int(found[1]) * UNITS[found[2]]) if found else timedelta(0)
        if not timedelta(0) < length <= LONGEST_TIME:
            self.fail(f"{value!r} is no length of time; {BAD_TIME}", param, ctx)
        return length


@click.command(cls=SettingsCommand)
@click.option("--by", type=click.Choice(["queue", "task"]), default="queue", help="One line a queue, or a task.")
@click.option("--last", type=TimeSpan(), default="1h", metavar="TIME", help="How far to look back, such as 90m or 7d.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object a line, times in seconds.")
@settings_options("client")
@click.pass_context
def stats(ctx: click.Context, /, *, by: str, last: timedelta, as_json: bool, **_settings: Any) -> int:
    """Show what ran lately: how many, how fast, how long jobs waited and ran (p50, p95, p99), how many failed.

    By queue also what waits now. A run counts for each try of a job. Where workers run with --trace_memory: by how
    much a run made its process grow, in the whole time and in the last hour of it.
    """
    app = App(load("client", given=given_on_command_line(ctx)).settings.as_dict())
    try:
        reader, now = app.stats_reader, app.clock.now()
        found = reader.totals(now - last, now, resolution_for(last), by_task=by == "task")
        lately = found
        if last > HOUR and any(each.growth is not None for each in found):
            lately = reader.totals(now - HOUR, now, resolution_for(HOUR), by_task=by == "task")
        look = reader.latest_look() if by == "queue" else None
    finally:
        app.close()
    backlogs: Mapping[str, Backlog] = look.backlogs if look else {}  # none by task
    grown = {(each.queue, each.path): each.growth for each in lately}
    if as_json:
        for each in found:
            click.echo(json.dumps({**as_object(each), "growth_last_hour": grown.get((each.queue, each.path))}))
        return 0
    show(found, backlogs, by, grown if last > HOUR else None)
    return 0


def as_object(figures: Figures) -> dict[str, Any]:
    """Figures as JSON can hold them."""
    return {
        "queue": figures.queue,
        "task": figures.path,
        "start": figures.start.isoformat() + "Z",
        "seconds": figures.seconds,
        "runs": figures.started,
        "ended": {status.value: runs for status, runs in figures.ended.items()},
        "per_second": figures.settled_per_s,
        "wait": _spread_object(figures.wait),
        "run": _spread_object(figures.run),
        "growth": figures.growth,
    }


def _spread_object(spread: Spread | None) -> dict[str, float] | None:
    if spread is None:
        return None
    return {"p50": spread.p50, "p95": spread.p95, "p99": spread.p99, "mean": spread.mean}


def show(
    found: Sequence[Figures],
    backlogs: Mapping[str, Backlog],
    by: str,
    lately: Mapping[tuple[str | None, str | None], float | None] | None = None,
) -> None:
    """Print the table. `lately`: the growth of each in the last hour; None: the whole is no longer than that."""
    rows = [row(each, backlogs, by) for each in found[:MOST_ROWS]]
    seen = {each.queue for each in found}
    idle = sorted(set(backlogs) - seen)[:MOST_ROWS]
    rows += [[name, "0", "", "", "", "", "", *waiting(backlogs[name])] for name in idle]
    if not rows:
        click.echo(
            "Nothing ran in that time and nothing waits. Workers write what they have counted with their reports, "
            "every 10 s; with `stats` off or `report_interval` 0 they don't count."
        )
        return
    head = [by, "runs", "per s", Status.FAILED.value, "again", "wait p50/p95/p99", "run p50/p95/p99"]
    head += ["waiting", "oldest"] if by == "queue" else []
    if any(each.growth is not None for each in found):  # workers with --trace_memory
        head += ["grew a run"] if lately is None else ["grew a run", "last hour"]
        rows = [[*cells, *growth(each, lately)] for cells, each in zip_longest(rows, found[:MOST_ROWS])]
    table([head, *rows])
    if len(found) > MOST_ROWS:
        click.echo(f"and {len(found) - MOST_ROWS} more; --json shows all")
    if dropped := max((each.dropped for each in found), default=0):
        click.echo(f"Not all is here: {many(dropped, 'minute')} of workers could not be written.")


def row(figures: Figures, backlogs: Mapping[str, Backlog], by: str) -> list[str]:
    """One line of the table."""
    again = figures.ended.get(Status.RETRY, 0) + figures.ended.get(Status.QUEUED, 0)
    cells = [
        (figures.queue if by == "queue" else figures.path) or "",
        f"{figures.started:,}",
        f"{figures.settled_per_s:.3g}",
        f"{figures.failed:,}" if figures.failed else "",
        f"{again:,}" if again else "",
        percentiles(figures.wait),
        percentiles(figures.run),
    ]
    return cells + (waiting(backlogs.get(figures.queue or "")) if by == "queue" else [])


def growth(figures: Figures | None, lately: Mapping[tuple[str | None, str | None], float | None] | None) -> list[str]:
    """By how much a run made the process grow; with `lately` also in the last hour."""
    grown = [None if figures is None else figures.growth]
    if lately is not None:
        grown.append(None if figures is None else lately.get((figures.queue, figures.path)))
    return ["" if each is None else f"{each / 1024:,.1f} KiB" for each in grown]


def percentiles(spread: Spread | None) -> str:
    """The three of them."""
    return "" if spread is None else " / ".join(map(in_short, (spread.p50, spread.p95, spread.p99)))


def waiting(backlog: Backlog | None) -> list[str]:
    """How much waits, and for how long."""
    if backlog is None:
        return ["", ""]
    more = "+" if backlog.capped else ""
    delayed = f" (+{backlog.delayed:,} later)" if backlog.delayed else ""
    oldest = "" if backlog.oldest_wait is None else in_short(backlog.oldest_wait)
    return [f"{backlog.waiting:,}{more}{delayed}", oldest]


def in_short(seconds: float) -> str:
    """A duration with two digits and its unit."""
    if seconds < 1:
        return f"{seconds * 1000:.2g} ms" if seconds < 0.0995 else f"{seconds * 1000:.0f} ms"
    for unit, length, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < most:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds / 86400:.1f} d"


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print cells in columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *others = [
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join([first, *others]).rstrip())
