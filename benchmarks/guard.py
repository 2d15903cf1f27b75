"""`python -m benchmarks.guard`: ours as ratios to the floors of the same run, beside those that were committed.

Absolute figures say nothing on a shared machine; a ratio to the same operations in the same minute does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from benchmarks.own import Own
from benchmarks.services import Services

COMMITTED = Path(__file__).with_name("ratios.json")
RATIOS = {
    "drain / batched floor": ("drain", "batched floor"),
    "drain / one-by-one floor": ("drain", "one-by-one floor"),
    "enqueue / insert_many floor": ("enqueue", "insert_many floor"),
    "raw kept / raw kept floor": ("raw kept", "raw kept floor"),
    "raw fast / raw fast floor": ("raw fast", "raw fast floor"),
}
# A ratio may be so much lower than the committed one: rounds on a machine that others use too differed by a third.
TOLERANCE = 0.4


def main() -> int:
    """Measure and compare; exit code 1 if a ratio fell by more than the tolerance, unless it was a quick look."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs in each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; medians are compared")
    parser.add_argument("--quick", action="store_true", help="one small round; printed, never a failure")
    parser.add_argument("--write", action="store_true", help="commit to these ratios from now on")
    parser.add_argument("--json", help="a file for the ratios")
    options = parser.parse_args()
    rounds, jobs = (1, min(options.jobs, 2_000)) if options.quick else (options.rounds, options.jobs)
    ratios = measure(rounds, jobs)
    for target in ([options.json] if options.json else []) + ([str(COMMITTED)] if options.write else []):
        Path(target).write_text(json.dumps(ratios, indent=1) + "\n", encoding="utf-8")
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    lines, fallen = compare(ratios, committed)
    print("\n".join(lines))
    if fallen and options.quick:
        print("A quick look is too noisy to fail by; `make bench-guard` says more.")
    return 1 if fallen and not options.quick else 0


def measure(rounds: int, jobs: int) -> dict[str, float]:
    """The median of each ratio over the rounds: numerator and denominator come from the same one."""
    found: dict[str, list[float]] = {name: [] for name in RATIOS}
    with Services(postgres=False) as services:
        own = Own(services, jobs, 100)
        for _ in range(rounds):
            rates = {name: own.rate(case) for name, case in {**own.floors, **own.ours}.items()}
            for name, (ours, floor) in RATIOS.items():
                found[name].append(rates[ours] / rates[floor])
    return {name: round(statistics.median(values), 3) for name, values in found.items()}


def compare(ratios: dict[str, float], committed: dict[str, float]) -> tuple[list[str], list[str]]:
    """A table, and the names of the ratios that fell too far."""
    lines, fallen = [f"{'ratio':<32}{'here':>8}{'committed':>11}"], []
    for name, here in ratios.items():
        before = committed.get(name)
        if before is not None and here < before * (1 - TOLERANCE):
            fallen.append(name)
        shown = "" if before is None else f"{before:.3f}"
        lines.append(f"{name:<32}{here:>8.3f}{shown:>11}{'  FALLEN' if name in fallen else ''}")
    return lines, fallen


if __name__ == "__main__":
    sys.exit(main())
