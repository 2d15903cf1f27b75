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

TASK, HOLD = "benchmarks.tasks.noop", "benchmarks.tasks.hold"
ROOT = Path(__file__).resolve().parents[1]


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


def in_flight(servers: Services, database: Database[dict[str, Any]], n: int) -> float:
    """MiB (PSS) that a worker with its guard takes more when `n` jobs sleep in it than when none does."""
    database["mrq_jobs"].delete_many({})
    worker = start_worker(servers, "--greenlets", str(n))
    try:
        queue_jobs(TASK, params(10))  # all that is imported and made once, is
        _wait_for(database, {"status": "success"}, 10)
        before = _pss(worker.pid)
        queue_jobs(HOLD, [{"seconds": 60.0}] * n)
        _wait_for(database, {"status": "started"}, n)
        return _pss(worker.pid) - before
    finally:
        worker.terminate()
        worker.wait()


def _pss(pid: int) -> float:
    parent = psutil.Process(pid)
    memory = [process.memory_full_info() for process in (parent, *parent.children(recursive=True))]
    return float(sum(getattr(m, "pss", m.rss) for m in memory) / 2**20)


def _wait_for(database: Database[dict[str, Any]], wanted: dict[str, Any], n: int) -> None:
    end = time.monotonic() + 60
    while (found := database["mrq_jobs"].count_documents(wanted)) < n:
        if time.monotonic() > end:
            raise RuntimeError(f"{found} jobs are {wanted['status']} after a minute, not {n}")
        time.sleep(0.1)
