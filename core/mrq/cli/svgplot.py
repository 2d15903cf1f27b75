"""Plots as an SVG file: panels below one another over the same hours, one line for each series."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

from mrq.cli.textplot import number

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = ("#00796b", "#d9480f", "#1c7ed6", "#9c36b5", "#5c940d", "#c2255c")  # told apart by colour-blind people too
WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 960, 170, 70, 20, 70, 46


class Line(NamedTuple):
    """One value a minute; lines of one name have one colour in all panels."""

    name: str
    values: Sequence[float]


class Panel(NamedTuple):
    """A plot: what it shows, with its unit."""

    title: str
    lines: Sequence[Line]


def svg(title: str, panels: Sequence[Panel]) -> str:
    """The text of an SVG file."""
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    height = TOP + len(panels) * (PANEL + GAP)
    size = f'width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="bold">{escape(title)}</text>',
        *_legend(names),
    ]
    for index, panel in enumerate(panels):
        parts += _panel(panel, TOP + index * (PANEL + GAP), names)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(names: Sequence[str]) -> list[str]:
    parts, left = [], LEFT
    for index, name in enumerate(names):
        parts.append(f'<rect x="{left}" y="35" width="12" height="12" fill="{COLOURS[index % len(COLOURS)]}"/>')
        parts.append(f'<text x="{left + 18}" y="45">{escape(name)}</text>')
        left += 40 + 7 * len(name)
    return parts


def _panel(panel: Panel, top: int, names: Sequence[str]) -> list[str]:
    minutes = max(len(line.values) for line in panel.lines)
    step = _step(max(max(line.values) for line in panel.lines) / 4)
    highest = step * max(ceil(max(max(line.values) for line in panel.lines) / step), 1)
    inner = PANEL - 20
    base = top + PANEL
    parts = [f'<text x="{LEFT}" y="{top + 8}" font-weight="bold">{escape(panel.title)}</text>']
    for mark in range(round(highest / step) + 1):
        y = base - inner * mark * step / highest
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number(mark * step)}</text>')
    hours = minutes / 60
    every = next((each for each in (1, 2, 3, 4, 6, 12, 24) if hours / each <= 12), 48)
    for hour in range(0, floor(hours) + 1, every):
        x = LEFT + (WIDTH - LEFT - RIGHT) * hour / hours
        parts.append(f'<text x="{x:.1f}" y="{base + 16}" text-anchor="middle">{hour}h</text>')
    for line in panel.lines:
        colour = COLOURS[names.index(line.name) % len(COLOURS)]
        points = " ".join(
            f"{LEFT + (WIDTH - LEFT - RIGHT) * (minute + 0.5) / minutes:.1f},{base - inner * value / highest:.1f}"
            for minute, value in enumerate(line.values)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return parts


def _step(least: float) -> float:
    """A round number of at least this: 1, 2 or 5 and zeros."""
    if least <= 0:
        return 1.0
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)
