"""What `mrq simulate` shows: totals side by side, a table by hour, plots in the terminal and as SVG."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from mrq.cli.svgplot import Line, Panel, svg
from mrq.cli.textplot import plot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mrq.domain.simulationresult import Minute, Result

HOUR = ("hour", "jobs", "waiting", "max wait", "containers", "bursts", "burst s", "US$")

TOTALS = (
    "jobs",
    "wait p50",
    "wait p95",
    "wait max",
    "still waiting at the end",
    "containers mean",
    "containers max",
    "bursts max",
    "bursts started",
    "burst seconds",
    "scale changes",
    "turns, worst hour",
    "cost",
    "cost if never idle",
)


def report(results: Mapping[str, Result], width: int, *, reasons: bool) -> Iterator[str]:
    """Lines for the terminal: for each policy its hours and plots, and the totals of all at the end."""
    for name, result in results.items():
        yield f"policy {name}"
        yield ""
        yield from table([HOUR, *(_hour(result, hour) for hour in range(0, len(result.minutes), 60))])
        for title, values in _curves(result).items():
            yield ""
            yield title
            yield from plot(values, width)
        if reasons:
            yield ""
            yield from (f"{clock(change.second)}  {change.reason}" for change in result.changes)
        yield ""
    yield from table(totals(results))


def totals(results: Mapping[str, Result]) -> list[tuple[str, ...]]:
    """Rows of the totals, with a column for each policy."""
    return [("total", *results), *zip(TOTALS, *(_totals(result) for result in results.values()), strict=True)]


def _totals(result: Result) -> list[str]:
    return [
        f"{result.jobs:,}",
        *(f"{result.wait(percentile):,} s" for percentile in (50, 95, 100)),
        f"{result.left:,}",
        f"{result.containers_mean:,.2f}",
        f"{result.containers_max:,}",
        f"{result.bursts_max:,}",
        f"{result.burst_starts:,}",
        f"{result.burst_seconds:,}",
        f"{result.scale_changes:,}",
        f"{result.turns_an_hour:,}",
        f"US$ {result.cost:,.2f}",
        f"US$ {result.ideal_cost:,.2f}",
    ]


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns under one another: the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def as_svg(title: str, results: Mapping[str, Result]) -> str:
    """The same curves as a picture: a panel for each, a colour for each policy."""
    curves = {name: _curves(result) for name, result in results.items()}
    titles = list(next(iter(curves.values())))
    panels = [Panel(each, [Line(name, of[each]) for name, of in curves.items()]) for each in titles]
    return svg(title, panels)


def clock(second: int) -> str:
    """A second of the simulation as hh:mm:ss."""
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def _curves(result: Result) -> dict[str, list[float]]:
    return {
        "longest wait (s)": [minute.longest_wait for minute in result.minutes],
        "containers": [minute.containers for minute in result.minutes],
        "bursts": [minute.bursts for minute in result.minutes],
        "cost so far (US$)": list(accumulate(result.cost_of([minute]) for minute in result.minutes)),
    }


def _hour(result: Result, first: int) -> tuple[str, ...]:
    minutes: Sequence[Minute] = result.minutes[first : first + 60]
    return (
        f"{first // 60}",
        f"{sum(minute.arrivals for minute in minutes):,}",
        f"{minutes[-1].waiting:,}",
        f"{max(minute.longest_wait for minute in minutes):,} s",
        f"{sum(minute.container_seconds for minute in minutes) / (60 * len(minutes)):,.1f}",
        f"{max(minute.bursts for minute in minutes):,}",
        f"{sum(minute.burst_seconds for minute in minutes):,}",
        f"{result.cost_of(minutes):,.3f}",
    )
