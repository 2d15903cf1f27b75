"""`python -m benchmarks`: ours, the peers and the floors in one run, on servers started for it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.contenders import CONTENDERS, OURS
from benchmarks.environments import CACHE, PEERS, ROOT, install, programs_of
from benchmarks.peercases import CASES
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.results import Results
from benchmarks.rounds import Bench
from benchmarks.services import Services

PAGE, IMAGES, KEPT = ROOT / "docs" / "performance.md", ROOT / "docs" / "images", ROOT / "benchmarks" / "results.json"


def main() -> int:
    """Measure, print, and say whether the targets are met: exit code 1 if one is not, 2 if ours failed in a case."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that nothing stays behind
    if options.report:
        return _tell(_saved(options.report), options)
    plan = QUICK if options.quick else FULL
    given = {"rounds": options.rounds, "jobs": options.jobs, "budget": options.budget, "limit": options.limit}
    plan = dataclasses.replace(plan, **{name: value for name, value in given.items() if value})
    results = _saved(options.onto) if options.onto else Results()
    out = Path(options.json) if options.json else CACHE / "results.json"
    try:
        _measure(results, plan, options)
    finally:
        if results.figures:
            out.parent.mkdir(exist_ok=True)
            out.write_text(_as_json(results), encoding="utf-8")
            print(f"All figures: {out}; --report {out} shows them again", file=sys.stderr)
    return _tell(results, options)


def _saved(file: str) -> Results:
    return Results(**json.loads(Path(file).read_text(encoding="utf-8")))


def _tell(results: Results, options: argparse.Namespace) -> int:
    print(report.markdown(results))
    if options.publish:
        _publish(results)
    return 2 if any(line.startswith(OURS) for line in results.failed) else 1 if report.missed(results) else 0


def _as_json(results: Results) -> str:
    return json.dumps(dataclasses.asdict(results), indent=1) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer jobs, peers and rounds: under five minutes")
    parser.add_argument("--rounds", type=int, help="interleaved rounds; medians are compared")
    parser.add_argument("--jobs", type=int, help="jobs in a drain or a bulk")
    parser.add_argument("--budget", type=float, help="seconds after which nothing is begun; what is left is named")
    parser.add_argument("--limit", type=float, help="seconds after which a drain is broken off; its rate counts")
    parser.add_argument("--onto", metavar="FILE", help="add to figures that were saved on the same machine")
    parser.add_argument("--cases", nargs="+", choices=[*CASES, "floors", "claims", "imports"], help="only these")
    parser.add_argument("--contenders", nargs="+", help="only those whose names begin so")
    parser.add_argument("--replica-set", action="store_true", help="MongoDB as a replica set of one member")
    parser.add_argument("--json", help="a file for all figures (default: .bench/results.json)")
    parser.add_argument("--report", metavar="FILE", help="measure nothing, show figures that were saved")
    parser.add_argument("--publish", action="store_true", help="write docs/performance.md and its plots")
    return parser.parse_args()


def _measure(results: Results, plan: Plan, options: argparse.Namespace) -> None:
    chosen = [
        contender
        for contender in CONTENDERS
        if (contender.quick or not plan.quick or options.contenders)
        and any(contender.name.lower().startswith(begin.lower()) for begin in options.contenders or [""])
    ]
    if options.contenders:
        measured = {who for figures in results.figures.values() for who in figures}  # before, with --onto
        others = [each.name for each in CONTENDERS if each not in chosen and each.name not in measured]
        results.left_out.update(dict.fromkeys(others, "not asked for"))
    with Services(replica_set=options.replica_set, postgres=any(c.service == "postgres" for c in chosen)) as services:
        Bench(services, plan, chosen, results, options.cases).run()


def _publish(results: Results) -> None:
    """The page, its plots, and the figures behind both."""
    KEPT.write_text(_as_json(results), encoding="utf-8")
    plots: list[str] = []
    if why := install("plots"):
        print(f"No plots: matplotlib is {why}", file=sys.stderr)
    else:
        command = [str(programs_of("plots") / "python"), str(PEERS / "plots.py"), str(KEPT), str(IMAGES)]
        subprocess.run(command, check=True)
        plots = [f"images/{image.name}" for image in sorted(IMAGES.glob("performance-*.svg"))]
    report.publish(PAGE, results, plots)


if __name__ == "__main__":
    sys.exit(main())
