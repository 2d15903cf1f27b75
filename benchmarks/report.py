"""The results as text: for the terminal, and for the page of the documentation."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.contenders import OURS
from benchmarks.results import CASES, About, Results, judge

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of the figures -->"
BUSY = 10  # percent of the machine that others may use before figures are called provisional


def markdown(results: Results, plots: list[str] | None = None) -> str:
    """The generated part of the page; `plots`: paths of images, as seen from the page."""
    parts = [*_about(results), "", "### Targets", "", *_targets(results), ""]
    parts += [line for plot in plots or [] for line in (f"![{_title(plot)}]({plot})", "")]
    for case, about in CASES.items():
        if case in results.figures:
            parts += [f"### {about.title}", "", *_table(results, case, about), ""]
    if results.left_out:
        parts += ["### Left out", "", *(f"- {who}: {why}" for who, why in results.left_out.items()), ""]
    if results.failed:
        parts += ["### Failed", "", *(f"- {line}" for line in results.failed), ""]
    return "\n".join([*parts, "### Versions", "", *_versions(results)])


def missed(results: Results) -> int:
    """How many targets are."""
    return sum(verdict.missed for verdict in judge(results))


def publish(page: Path, results: Results, plots: list[str]) -> None:
    """Put the figures between the marks of the page; raises ValueError if it has none."""
    text = page.read_text(encoding="utf-8")
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"{page} lacks the lines {BEGIN!r} and {END!r}: put them where the figures belong")
    page.write_text(f"{before}{BEGIN}\n\n{markdown(results, plots)}\n\n{END}{after}", encoding="utf-8")


def number(value: float) -> str:
    """Three figures that mean something, and thousands marked."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _about(results: Results) -> list[str]:
    about = results.about
    where = f"{about.get('date', 'No date')}, {about.get('machine', 'no machine named')}."
    size = f"{about.get('jobs', 0):,} jobs a measurement, in interleaved rounds; a slow drain is stopped after "
    size += f"{about.get('limit', 40):g} seconds."
    server = f"MongoDB: {about.get('mongodb', 'not said')}, w=majority."
    lines = [f"{where} {size} Medians, with the lowest and the highest. {server}"]
    if about.get("quick") or about.get("busy", 0) > BUSY:
        lines += ["", '!!! warning "Provisional"', ""]
        if about.get("quick"):
            lines.append("    A quick run: too small to compare small differences.")
        if about.get("busy", 0) > BUSY:
            lines.append(f"    Other programs used {about['busy']:.0f} % of the machine meanwhile.")
    return lines


def _targets(results: Results) -> list[str]:
    rows = ["| Target | Here | Limit | Beside | |", "|---|---:|---:|---|---|"]
    for verdict in judge(results):
        target = verdict.target
        here = "not measured" if verdict.value is None else number(verdict.value)
        word = "**missed**" if verdict.missed else "" if verdict.value is None else "met"
        sign = "≤" if target.lower else "≥"
        rows.append(f"| {target.text} | {here} | {sign} {number(target.limit)} | {verdict.rival} | {word} |")
    return rows


def _table(results: Results, case: str, about: About) -> list[str]:
    found = results.figures[case]
    order = sorted(found, key=lambda who: statistics.median(found[who]), reverse=not about.lower)
    rows = [f"| | {about.unit} | lowest | highest | rounds |", "|---|---:|---:|---:|---:|"]
    for who in order:
        name = f"**{who}**" if who == OURS else who
        values = found[who]
        told = (number(statistics.median(values)), number(min(values)), number(max(values)), str(len(values)))
        rows.append(f"| {name} | {' | '.join(told)} |")
    return rows


def _versions(results: Results) -> list[str]:
    found: dict[str, dict[str, str]] = results.about.get("versions", {})
    return [
        f"- {peer}: " + ", ".join(f"{name} {version}" for name, version in of.items()) for peer, of in found.items()
    ]


def _title(plot: str) -> str:
    return plot.rsplit("/", 1)[-1].removesuffix(".svg").replace("-", " ").capitalize()
