"""`python -m benchmarks.statistics_cost`: what counting costs a worker, in processor time, since the clock on the wall
says more about the machine's other work.

Two figures: the time that the collector itself takes for a job, as a share of what draining a job takes; and whole
worker processes that drain the same jobs with and without statistics, in turns, which is noisier.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from benchmarks import floors, measures
from mrq.app import App, use_app
from mrq.domain.job import ClaimedJob
from mrq.domain.options import TaskOptions
from mrq.domain.status import Status
from mrq.embedded import EmbeddedServers
from mrq.engine.clock import SystemClock
from mrq.engine.collector import Collector
from mrq.engine.run import Run
from mrq.stores.memory_stats import MemoryStatsStore
from mrq.stores.mongo_client import connect

if TYPE_CHECKING:
    from pymongo.database import Database

MOST = 0.02
"""Of the processor time of a drain."""

BATCH, BATCHES = 100, 500


def collector_seconds(tasks: int) -> float:
    """Processor time of the collector for one job, of so many tasks in turn. The work around it is not counted."""
    collector, clock, spent = Collector(MemoryStatsStore(), "bench", SystemClock(), 3600.0), SystemClock(), 0.0
    for _ in range(BATCHES):
        now = clock.now()
        jobs = [
            ClaimedJob(ObjectId(), ObjectId(), f"benchmarks.tasks.noop{n % tasks}", {}, "default", now - AGO, now)
            for n in range(BATCH)
        ]
        runs = [(Run(job, TaskOptions()), Status.SUCCESS) for job in jobs]
        for number, (run, _) in enumerate(runs):
            run.took = 0.0001 * (number + 1)
        began = time.process_time()
        collector.started(jobs)
        collector.ended(runs)
        spent += time.process_time() - began
    return spent / BATCH / BATCHES


AGO = timedelta(seconds=12.3)


def drain_seconds(servers: EmbeddedServers, database: Database[dict[str, Any]], n: int, *flags: str) -> float:
    """Processor time of a worker, its guard included, that drains `n` jobs."""
    app = App({"mongodb_jobs": servers.mongodb_url, "redis": servers.redis_url})
    use_app(app)
    database.drop_collection("mrq_jobs")
    app.jobs.ensure_indexes()
    if n:
        floors.insert(database, n)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    worker = measures.start_worker(servers, "--greenlets", "100", "--dequeue_strategy", "burst", *flags)
    if code := worker.wait():
        raise RuntimeError(f"the worker ended with code {code}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    app.close()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure and print; 1 if counting costs more than it may."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics_cost", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with EmbeddedServers() as servers:
        database = connect(servers.mongodb_url, server_timeout=5, name="benchmarks")
        figures: dict[str, list[float]] = {"start": [], "off": [], "on": []}
        own: dict[int, list[float]] = {1: [], 20: []}
        for _ in range(options.rounds):
            figures["start"].append(drain_seconds(servers, database, 0, "--no_stats"))
            figures["off"].append(drain_seconds(servers, database, options.jobs, "--no_stats"))
            figures["on"].append(drain_seconds(servers, database, options.jobs))
            for tasks, found in own.items():
                found.append(collector_seconds(tasks))
    start = statistics.median(figures["start"])
    per_job = {name: (statistics.median(figures[name]) - start) / options.jobs for name in ("off", "on")}
    print(f"\n{options.jobs:,} no-op jobs, {options.rounds} rounds, processor time, medians")
    for name, seconds in per_job.items():
        print(f"a drained job, statistics {name:<4}{seconds * 1e6:>10.2f} us")
    shares = {}
    for tasks, found in own.items():
        shares[tasks] = statistics.median(found) / per_job["off"]
        print(f"the collector, {tasks:>2} tasks mixed {statistics.median(found) * 1e6:>8.2f} us{shares[tasks]:>8.2%}")
    print(f"drains on against off            {per_job['on'] / per_job['off'] - 1:>+8.2%}   target {MOST:.0%}")
    return 1 if max(shares.values()) > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
