"""`python -m benchmarks.switch_costs`: what each switch for looking inside costs a worker, in processor time, in one
run.

Each round drains the same no-op jobs once with every switch, and before and after all of them without any; each drain
is compared with those two of its own round, less what a worker with the same switch takes that finds nothing to do. The
first row is a drain without any switch, compared in the same way: what is no further from zero is noise. A no-op job is
the dearest case: what is recorded about a job costs the same whatever the job does. `--publish` writes the table into
docs/metrics.md; only on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.statistics_cost import drain_seconds
from mrq.embedded import EmbeddedServers
from mrq.stores.mongo_client import connect

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
OFF, AGAIN = "without any", "nothing, measured like the others"
BEGIN, END = "<!-- switch costs -->", "<!-- end of switch costs -->"

SWITCHES: dict[str, tuple[str, ...]] = {
    "--no_stats": ("--no_stats",),  # what is on unless it is switched off
    "--trace_greenlets": ("--trace_greenlets",),
    "--trace_io": ("--trace_io",),
    "--trace_memory": ("--trace_memory",),
    "--otel (made, not exported)": ("--otel",),
    "--log_format json": ("--log_format", "json"),
    "--emf": ("--emf",),
    "--admin_port (/metrics)": ("--admin_port", "0"),  # filled in by `flags_of`
    "--profile": ("--profile",),
    "all of them": (
        "--trace_greenlets", "--trace_io", "--trace_memory", "--otel", "--log_format", "json", "--emf", "--profile",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one switch, in microseconds a job: the median of the rounds, the lowest, the highest; and its part of a job
    without it."""

    name: str
    micros: float
    lowest: float
    highest: float
    part: float


def cost(name: str, off: list[float], on: list[float], jobs: int) -> Cost:
    """From the processor seconds that a worker took for its jobs in each round, without a switch and with it."""
    more = [(with_it - without) / jobs * 1e6 for without, with_it in zip(off, on, strict=True)]
    usual = statistics.median(off) / jobs * 1e6
    median = statistics.median(more)
    return Cost(name, median, min(more), max(more), median / usual if usual > 0 else float("nan"))


def table(found: list[Cost]) -> str:
    """For the documentation."""
    rows = ["| Switch | microseconds a job | lowest and highest round | of a job without it |", "|---|---:|---:|---:|"]
    rows += [
        f"| {each.name if each.name == AGAIN else f'`{each.name}`'} | {each.micros:+.1f} "
        f"| {each.lowest:+.1f}, {each.highest:+.1f} | {each.part:+.0%} |"
        for each in found
    ]
    return "\n".join(rows)


def publish(text: str, page: Path = PAGE) -> None:
    """Put it between the marks of the page. Raises ValueError: they are not there."""
    before, mark, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"{page} has no place for it: {BEGIN} ... {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def flags_of(name: str) -> tuple[str, ...]:
    """The flags of a switch."""
    from mrq.embedded.ports import pick_port

    return ("--admin_port", str(pick_port())) if name.startswith("--admin_port") else SWITCHES.get(name, ())


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.switch_costs", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--publish", action="store_true", help="write the table into docs/metrics.md")
    options = parser.parse_args()
    os.environ["OTEL_TRACES_EXPORTER"] = "none"
    figures: dict[str, list[float]] = {name: [] for name in (AGAIN, *SWITCHES)}
    bare: dict[str, list[float]] = {name: [] for name in (OFF, *figures)}
    off: list[float] = []
    with EmbeddedServers() as servers:
        database = connect(servers.mongodb_url, server_timeout=5, name="benchmarks")
        for turn in range(options.rounds):
            for name, taken in bare.items():
                taken.append(drain_seconds(servers, database, 0, *flags_of(name)))
            before = drain_seconds(servers, database, options.jobs)
            # what drifts within a round is to be no switch's alone
            for name in sorted(figures, reverse=turn % 2 == 1):
                figures[name].append(drain_seconds(servers, database, options.jobs, *flags_of(name)))
            off.append((before + drain_seconds(servers, database, options.jobs)) / 2)
    start = {name: statistics.median(taken) for name, taken in bare.items() if name != AGAIN}
    start[AGAIN] = start[OFF]
    without = [seconds - start[OFF] for seconds in off]
    found = [
        cost(name, without, [seconds - start[name] for seconds in taken], options.jobs)
        for name, taken in figures.items()
    ]
    print(f"\n{options.jobs:,} no-op jobs, {options.rounds} rounds, processor time, medians")
    print(f"a job without any of them: {statistics.median(without) / options.jobs * 1e6:.1f} us\n")
    print(table(found))
    if options.publish:
        publish(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
