"""Plots of plain text: columns of blocks, as wide as they are told."""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = " ▁▂▃▄▅▆▇█"
AXIS = "┤"
ASCII = str.maketrans(BLOCKS + AXIS, "   .:::##|")  # for terminals without Unicode
LABEL = 9  # columns for the numbers on the left


def plot(values: Sequence[float], width: int, height: int = 5) -> list[str]:
    """Lines of a plot of one value a minute; each column shows the highest of its minutes."""
    columns = max(min(width - LABEL - 2, len(values)), 1)
    edges = [len(values) * column // columns for column in range(columns + 1)]
    highest = [max(values[first : max(last, first + 1)]) for first, last in pairwise(edges)]
    top = max(highest) or 1.0
    eighths = [ceil(round(value / top * height * 8, 6)) for value in highest]
    lines = []
    for row in range(height - 1, -1, -1):
        label = number(top) if row == height - 1 else "0" if row == 0 else ""
        bars = "".join(BLOCKS[min(max(each - row * 8, 0), 8)] for each in eighths)
        lines.append(f"{label:>{LABEL}} {AXIS}{bars}".rstrip())
    return [*lines, _hours(len(values), columns)]


def for_encoding(line: str, encoding: str | None) -> str:
    """The line, in plain ASCII if a terminal of this encoding can't show blocks."""
    try:
        line.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return line.translate(ASCII)
    return line


def number(value: float) -> str:
    """Short, as a label."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.3g}"


def _hours(minutes: int, columns: int) -> str:
    """The axis: hours, as many as there is room for."""
    hours = max(minutes / 60, 1 / 60)
    step = next((step for step in (1, 2, 3, 4, 6, 12, 24, 48) if columns * step / hours >= 5), 168)
    line = [" "] * (columns + 6)
    for hour in range(0, ceil(hours), step):
        at = int(columns * hour / hours)
        text = f"{hour}h"
        line[at : at + len(text)] = text
    return f"{'':>{LABEL}}  {''.join(line)}".rstrip()
