"""Bars of some cases as SVG. Run by the harness in an environment that has matplotlib: `plots.py RESULTS FOLDER`."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "mrq", "svg.fonttype": "none", "font.family": "sans-serif"})

from matplotlib import pyplot  # noqa: E402 - the settings come first

OURS, THEIRS, FLOOR = "#00897b", "#90a4ae", "#cfd8dc"
SHOWN = {  # case: file, title, whether less is better
    "drain": ("performance-drain", "Jobs per second, results stored, one process", False),
    "enqueue one by one": ("performance-enqueue", "Jobs per second, enqueued one by one", False),
    "idle pickup p50": ("performance-pickup", "Milliseconds until an idle worker begins a job (p50)", True),
}


def main(results: Path, folder: Path) -> None:
    """A file a case, the best on top."""
    given = json.loads(results.read_text(encoding="utf-8"))
    figures = given["figures"]
    for case, (name, title, lower) in SHOWN.items():
        if found := figures.get(case):
            draw(found, title, lower, folder / f"{name}.svg")


def draw(found: dict[str, list[float]], title: str, lower: bool, to: Path) -> None:
    """Medians as bars, lowest and highest as whiskers."""
    order = sorted(found, key=lambda who: statistics.median(found[who]), reverse=lower)
    middle = [statistics.median(found[who]) for who in order]
    spread = [
        [m - min(found[who]) for m, who in zip(middle, order, strict=True)],
        [max(found[who]) - m for m, who in zip(middle, order, strict=True)],
    ]
    figure, axes = pyplot.subplots(figsize=(8, 0.6 + 0.34 * len(order)))
    colours = [OURS if who == "MRQ cloud" else FLOOR if who.endswith("floor") else THEIRS for who in order]
    bars = axes.barh(order, middle, color=colours, xerr=spread, ecolor="#546e7a", capsize=2)
    axes.bar_label(bars, [f"{value:,.0f}" if value >= 100 else f"{value:.2g}" for value in middle], padding=4)
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.tight_layout()
    figure.savefig(to, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
