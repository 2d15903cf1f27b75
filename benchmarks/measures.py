"""What MRQ itself takes for the same work. Each function returns seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from mrq.job import queue_jobs

if TYPE_CHECKING:
    from pymongo.database import Database

    from benchmarks.services import Services
    from mrq.embedded import EmbeddedServers

TASK = "benchmarks.tasks.noop"
ROOT = Path(__file__).resolve().parents[1]
SETTLED_SECONDS, IDLE_SECONDS = 5, 20


def params(n: int) -> list[dict[str, Any]]:
    """The same params as those of the floors."""
    return [{"number": number, "address": "someone@example.org"} for number in range(n)]


def enqueue(n: int) -> float:
    """queue_jobs."""
    start = time.perf_counter()
    queue_jobs(TASK, params(n))
    return time.perf_counter() - start


def start_worker(servers: Services | EmbeddedServers, *flags: str) -> subprocess.Popen[bytes]:
    """A worker process as a user starts it."""
    environment = {**os.environ, "MRQ_MONGODB_JOBS": servers.mongodb_url, "MRQ_REDIS": servers.redis_url}
    command = [sys.executable, "-m", "mrq_container.command", "--log_level", "WARNING", *flags]
    return subprocess.Popen(command, env=environment, cwd=ROOT)


def drain(servers: Services, database: Database[dict[str, Any]], n: int, greenlets: int) -> float:
    """Run `n` waiting jobs in one worker process; seconds from the first start to the last written end."""
    worker = start_worker(servers, "--greenlets", str(greenlets), "--dequeue_strategy", "burst")
    if code := worker.wait():
        raise RuntimeError(f"the worker ended with code {code}")
    return seconds_of_all(database, n)


def seconds_of_all(database: Database[dict[str, Any]], n: int) -> float:
    """From the first start to the last written end."""
    jobs = database["mrq_jobs"]
    if (done := jobs.count_documents({"status": "success"})) != n:
        raise RuntimeError(f"{done} jobs succeeded, not {n}")
    first = jobs.find_one(sort=[("datestarted", 1)]) or {}
    last = jobs.find_one(sort=[("dateupdated", -1)]) or {}
    seconds: float = (last["dateupdated"] - first["datestarted"]).total_seconds()
    return seconds


def idle(servers: Services) -> dict[str, float]:
    """Memory (MiB) and CPU (percent of one core) of a worker that has nothing to do, its guard included."""
    worker = start_worker(servers, "--greenlets", "100")
    try:
        time.sleep(SETTLED_SECONDS)  # the passing of idle time is what is measured here
        parent = psutil.Process(worker.pid)
        tree = [parent, *parent.children(recursive=True)]
        before = sum(sum(process.cpu_times()[:2]) for process in tree)
        time.sleep(IDLE_SECONDS)
        after = sum(sum(process.cpu_times()[:2]) for process in tree)
        memory = [process.memory_full_info() for process in tree]
        return {
            "processes": len(tree),
            "rss_mib": sum(m.rss for m in memory) / 2**20,
            "pss_mib": sum(getattr(m, "pss", m.rss) for m in memory) / 2**20,
            "cpu_percent": 100 * (after - before) / IDLE_SECONDS,
        }
    finally:
        worker.terminate()
        worker.wait()
