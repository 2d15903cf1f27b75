"""`mrq cost`: a million jobs in bursts and in containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mrq.cli.priceoptions import price_options, read_prices
from mrq.cli.simulate_view import table
from mrq.domain.cost import Cost, cost
from mrq.domain.prices import Architecture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEAD = ("job", "burst", "container", "bursts", "containers, busy", "half busy", "break-even")


@click.command("cost")
@click.option("--job-seconds", "lengths", multiple=True, type=float, metavar="S", help="Run time; may be repeated.")
@click.option("--memory", "memories", multiple=True, type=float, metavar="GB", help="Of a burst; may be repeated.")
@click.option("--at-once", default=10, show_default=True, metavar="N", help="Jobs at a time in a burst or container.")
@click.option("--burst-seconds", default=60.0, show_default=True, metavar="S", help="How long a burst works.")
@price_options
@click.option("--markdown", is_flag=True, help="The table as Markdown.")
def cost_command(
    lengths: tuple[float, ...],
    memories: tuple[float, ...],
    at_once: int,
    burst_seconds: float,
    prices: Path | None,
    spot: bool,
    arm: bool,
    markdown: bool,
) -> int:
    """Show what a million jobs cost, in bursts and in containers, by their length and the memory.

    Break-even: with more than this part of their slots taken, over day and night, containers are cheaper.
    """
    listed = read_prices(prices)
    architecture = Architecture.ARM if arm else Architecture.X86
    found = [
        cost(listed, architecture, length, memory, at_once=at_once, burst_seconds=burst_seconds, spot=spot)
        for length in lengths or (0.1, 1.0, 10.0, 60.0)
        for memory in memories or (0.5, 1.0, 1.769, 4.0)
    ]
    rows = [HEAD, *(_row(each) for each in found)]
    for line in _markdown(rows) if markdown else table(rows):
        click.echo(line)
    kind = f"Fargate{' Spot' if spot else ''} and Lambda, {architecture.value}"
    click.echo(f"\nUS$ for a million jobs, {at_once} at a time. List prices of {kind}, {listed.region}, {listed.date}.")
    return 0


def _row(each: Cost) -> tuple[str, ...]:
    return (
        f"{each.job_seconds:g} s",
        f"{each.memory_gb:g} GB",
        f"{each.size.vcpu:g} vCPU, {each.size.memory_gb:g} GB",
        *(f"{value:,.2f}" for value in (each.bursts, each.busy, each.half_busy)),
        "never" if each.break_even >= 1 else f"{each.break_even:.0%}",
    )


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|---|---|---|" + "---:|" * (len(HEAD) - 3), *lines[1:]]
