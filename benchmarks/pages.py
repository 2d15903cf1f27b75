"""`python -m benchmarks.pages`: what the dashboard's pages cost with 1,000,000 jobs, beside the same with 1,000.

Each request is bounded: it looks at a limited number of jobs, whatever is stored. Medians and their ratios are printed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from fastapi.testclient import TestClient
from pymongo import WriteConcern

from benchmarks.floors import now
from mrq.app import App
from mrq.domain.status import Status
from mrq.embedded import EmbeddedMongo, EmbeddedRedis
from mrq.stores.mongo_client import connect
from mrq_dashboard.application import create_app

if TYPE_CHECKING:
    from pymongo.database import Database

LOT = 10_000
SLOWEST = 0.3  # seconds that a page may take
FLAT = 3.0  # a page that takes longer than that may take so many times what it takes with the fewest jobs
SHARES = (
    (Status.SUCCESS, 0.86), (Status.FAILED, 0.06), (Status.QUEUED, 0.05), (Status.RETRY, 0.01), (Status.CANCEL, 0.02),
)  # fmt: skip
TASKS, QUEUES = 40, 25
PAGES = {
    "overview": "overview",
    "queues": "queues",
    "a queue": "queues/detail?name=queue-3",
    "its head": "queues/head?name=queue-3",
    "failures": "failures",
    "tasks": "tasks",
    "jobs": "jobs?limit=50",
    "failed jobs": "jobs?status=failed&limit=50",
    "jobs of a task": "jobs?task=shop.tasks.Task3&limit=50",
    "jobs of a queue": "jobs?queue=queue-3&status=queued&limit=50",
    "jobs by params": 'jobs?params={"number": 7}&limit=50',
    "jobs that are not there": "jobs?task=shop.tasks.Nothing&limit=50",
    "jobs by part of a name": "jobs?task=*Task3*&limit=50",
    "count of all": "jobs/count",
    "count of failed": "jobs/count?status=failed",
    "count of a task": "jobs/count?task=shop.tasks.Task3",
}


def main() -> int:
    """Measure and print; 1 if a page got slow with what is stored."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1_000, 1_000_000], help="stored jobs")
    parser.add_argument("--rounds", type=int, default=7, help="requests of each page; the median counts")
    options = parser.parse_args()
    found: list[dict[str, float]] = []
    with EmbeddedMongo() as mongo, EmbeddedRedis() as valkey:
        database = connect(mongo.url, server_timeout=30, name="benchmarks")
        for jobs in options.jobs:
            fill(database, mongo.url, jobs)
            found.append(measure(mongo.url, valkey.url, options.rounds))
        database.client.close()
    return report(options.jobs, found)


def measure(mongodb_url: str, redis_url: str, rounds: int) -> dict[str, float]:
    """Seconds of each page."""
    app = App({"mongodb_jobs": mongodb_url, "redis": redis_url, "redis_prefix": "benchmarks"})
    with TestClient(create_app(app, local_only=True), base_url="http://127.0.0.1") as client:
        taken = {name: statistics.median(asked(client, path) for _ in range(rounds)) for name, path in PAGES.items()}
    app.close()
    return taken


def asked(client: TestClient, path: str) -> float:
    """Seconds until the answer is there."""
    start = time.perf_counter()
    answer = client.get(f"/api/v1/{path}")
    taken = time.perf_counter() - start
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
    return taken


def fill(database: Database[dict[str, Any]], url: str, jobs: int) -> None:
    """Store so many jobs, as they are after some days."""
    database.drop_collection("mrq_jobs")
    app = App({"mongodb_jobs": url})
    app.jobs.ensure_indexes()
    app.close()
    collection = database.get_collection("mrq_jobs", write_concern=WriteConcern("majority"))
    chance, at = random.Random(7), now()
    statuses = chance.choices([status for status, _ in SHARES], [share for _, share in SHARES], k=jobs)
    for first in range(0, jobs, LOT):
        collection.insert_many(
            [document(n, statuses[n], at - timedelta(seconds=jobs - n)) for n in range(first, min(jobs, first + LOT))],
            ordered=False,
        )


def document(number: int, status: Status, at: Any) -> dict[str, Any]:
    """A job."""
    path = f"shop.tasks.Task{number % TASKS}"
    job: dict[str, Any] = {
        "_id": ObjectId(), "path": path, "params": {"number": number, "url": f"https://shop.example/{number}"},
        "queue": f"queue-{number % QUEUES}", "datequeued": at, "status": status.value,
    }  # fmt: skip
    if status is not Status.QUEUED:
        job |= {"datestarted": at, "dateupdated": at, "totaltime": 0.5}
    if status is Status.FAILED:
        kind = f"Error{number % 9}"
        text = f'Traceback (most recent call last):\n  File "shop/tasks.py", line 7, in run\n{kind}: no price'
        job |= {"exceptiontype": kind, "traceback": text, "fingerprint": f"{path} {kind}", "datefailed": at}
    return job


def report(sizes: list[int], found: list[dict[str, float]]) -> int:
    """Print a table; the exit code."""
    print(f"\nmilliseconds, medians{'':<8}" + "".join(f"{jobs:>12,}" for jobs in sizes) + f"{'ratio':>9}")
    missed = []
    for name in PAGES:
        taken = [each[name] for each in found]
        ratio = taken[-1] / taken[0]
        print(f"{name:<29}" + "".join(f"{seconds * 1000:>12.1f}" for seconds in taken) + f"{ratio:>9.2f}")
        if taken[-1] > SLOWEST and ratio > FLAT:
            missed.append(name)
    if missed:
        print(
            f"\nover {SLOWEST * 1000:g} ms and {FLAT:g} times as much as with {sizes[0]:,}: MISSED: {', '.join(missed)}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
