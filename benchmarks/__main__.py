"""`python -m benchmarks`: rounds of floors and measures, interleaved, on embedded servers; a table of ratios."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import TYPE_CHECKING, Any

from benchmarks import floors, measures, raw
from mrq.app import App, use_app
from mrq.embedded import EmbeddedServers
from mrq.stores.mongo_client import connect

if TYPE_CHECKING:
    from collections.abc import Callable

TARGETS = {
    "drain / batched floor": 0.60,
    "drain / one-by-one floor": 5.0,
    "enqueue / insert_many floor": 0.60,
    "raw kept / raw kept floor": 0.50,
    "raw fast / raw fast floor": 0.10,
    "raw fast / drain": 1.5,
}


def main() -> int:
    """Measure, print, and say whether the targets are met: exit code 1 if one is not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000, help="jobs in each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; medians are compared")
    parser.add_argument("--greenlets", type=int, default=100, help="of the worker, and the floor's batch")
    parser.add_argument("--json", help="a file for all figures")
    parser.add_argument("--no-idle", action="store_true", help="leave out the idle worker (25 s)")
    options = parser.parse_args()
    with EmbeddedServers() as servers:
        figures = measure(servers, options)
        idle = {} if options.no_idle else measures.idle(servers)
    return report(figures, idle, options)


def measure(servers: EmbeddedServers, options: argparse.Namespace) -> dict[str, list[float]]:
    """Jobs per second of every case, one value a round."""
    app = App({"mongodb_jobs": servers.mongodb_url, "redis": servers.redis_url})
    use_app(app)
    database = connect(servers.mongodb_url, server_timeout=5, name="benchmarks")
    n, few = options.jobs, max(500, options.jobs // 10)

    def fresh() -> None:
        database.drop_collection("mrq_jobs")
        app.jobs.ensure_indexes()

    def fill() -> None:
        fresh()
        floors.insert(database, n)

    def fill_raw(queue: str) -> None:
        fresh()
        raw.fill(queue, n)

    def drain_kept(n: int) -> float:
        raw.drain(servers, raw.KEPT, n, options.greenlets)
        return measures.seconds_of_all(database, n)

    cases: dict[str, tuple[Callable[[], None], Callable[[], float], int]] = {
        "insert_many floor": (fresh, lambda: floors.insert(database, n), n),
        "enqueue": (fresh, lambda: measures.enqueue(n), n),
        "batched floor": (fill, lambda: floors.batched(database, n, options.greenlets), n),
        "drain": (fill, lambda: measures.drain(servers, database, n, options.greenlets), n),
        "one-by-one floor": (fill, lambda: floors.one_by_one(database, few), few),
        "raw kept floor": (lambda: fill_raw(raw.KEPT), lambda: raw.kept_floor(database, n, options.greenlets), n),
        "raw kept": (lambda: fill_raw(raw.KEPT), lambda: drain_kept(n), n),
        "raw fast floor": (lambda: fill_raw(raw.FAST), lambda: raw.fast_floor(n, options.greenlets), n),
        "raw fast": (lambda: fill_raw(raw.FAST), lambda: raw.drain(servers, raw.FAST, n, options.greenlets), n),
    }
    figures: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.rounds):
        for name, (prepare, run, count) in cases.items():
            prepare()
            figures[name].append(count / run())
    fresh()  # jobs that the last case has left would keep an idle worker busy
    return figures


def report(figures: dict[str, list[float]], idle: dict[str, float], options: argparse.Namespace) -> int:
    """Print the tables; 1 if a target is missed."""
    print(f"\n{options.jobs:,} no-op jobs, results stored, w=majority, medians of {options.rounds} rounds\n")
    print(f"{'case':<28}{'jobs/s':>10}{'lowest':>10}{'highest':>10}")
    medians = {name: statistics.median(values) for name, values in figures.items()}
    for name, values in figures.items():
        print(f"{name:<28}{medians[name]:>10,.0f}{min(values):>10,.0f}{max(values):>10,.0f}")
    print(f"\n{'ratio':<32}{'here':>8}{'target':>8}")
    missed = 0
    ratios: dict[str, float] = {}
    for name, target in TARGETS.items():
        ours, floor = name.split(" / ")
        ratios[name] = medians[ours] / medians[floor]
        missed += ratios[name] < target
        print(f"{name:<32}{ratios[name]:>8.2f}{target:>8.2f}{'' if ratios[name] >= target else '  MISSED'}")
    if idle:
        print("\nidle worker, guard included: " + ", ".join(f"{name} {value:.2f}" for name, value in idle.items()))
    if options.json:
        everything: dict[str, Any] = {"figures": figures, "ratios": ratios, "idle": idle}
        with open(options.json, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(everything, file, indent=1)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
