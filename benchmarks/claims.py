"""`python -m benchmarks.claims`: what a claim costs while more and more is queued, and by what plan MongoDB answers.

A claim must cost the same whatever waits behind it: ratios to the smallest case are printed, with the index that
was used and how many of its entries were read.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, WriteConcern

from benchmarks.floors import now
from mrq.domain.queuename import parse_queue
from mrq.embedded import EmbeddedMongo
from mrq.ports.jobs import Claim
from mrq.stores import documents
from mrq.stores.mongo_client import connect
from mrq.stores.mongo_jobs import HORIZON, MongoJobStore

if TYPE_CHECKING:
    from pymongo.database import Database

    from mrq.domain.queuename import QueueName

LOT = 10_000
BATCH = 100  # jobs in one claim
FLAT = 2.0  # a median of the largest case may be so many times that of the smallest


def main() -> int:
    """Measure and print; 1 if a claim got dearer with what waits behind it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1_000, 1_000_000], help="queued jobs")
    parser.add_argument("--subqueues", type=int, nargs="+", default=[1, 100, 10_000], help="subqueues with jobs")
    parser.add_argument("--rounds", type=int, default=9, help="claims of each case; the median counts")
    options = parser.parse_args()
    flat = True
    with EmbeddedMongo() as mongo:
        database = connect(mongo.url, server_timeout=30, name="benchmarks")
        print(f"one claim of {BATCH} jobs, median of {options.rounds}\n")
        print(
            f"{'queue':<10}{'queued':>12}{'subqueues':>12}{'ms':>9}{'ratio':>8}{'keys read':>11}{'docs read':>11}  plan"
        )
        for name, sizes in (
            ("main", [(jobs, 0) for jobs in options.jobs]),
            ("main/", [(max(options.rounds * BATCH + BATCH, many), many) for many in options.subqueues]),
        ):
            first = 0.0
            for jobs, subqueues in sizes:
                seconds, plan = case(database, parse_queue(name), jobs, subqueues, options.rounds)
                first = first or seconds
                flat &= seconds <= FLAT * first
                print(
                    f"{name:<10}{jobs:>12,}{subqueues or '':>12}{seconds * 1000:>9.1f}{seconds / first:>8.2f}"
                    f"{plan['keys']:>11,}{plan['docs']:>11,}  {plan['stages']}"
                )
        database.client.close()
    if not flat:
        print(f"\na claim costs more than {FLAT:g} times as much as in the smallest case: MISSED")
    return 0 if flat else 1


def case(
    database: Database[dict[str, Any]], queue: QueueName, jobs: int, subqueues: int, rounds: int
) -> tuple[float, dict[str, Any]]:
    """Seconds of a claim, and how the first of them was answered."""
    database.drop_collection("mrq_jobs")
    store = MongoJobStore(database)
    store.ensure_indexes()
    fill(database, [f"main/{n:05}" for n in range(subqueues)] or ["main"], jobs)
    plan = explain(database, claim_of(store, queue))
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        found = store.claim(claim_of(store, queue))
        taken.append(time.perf_counter() - start)
        if len(found) != BATCH:
            raise RuntimeError(f"a claim gave {len(found)} jobs, not {BATCH}")
    return statistics.median(taken), plan


def claim_of(store: MongoJobStore, queue: QueueName) -> Claim:
    """A worker's wish."""
    return Claim(queue, BATCH, store.new_id(), store.new_id(), now())


def fill(database: Database[dict[str, Any]], queues: list[str], jobs: int) -> None:
    """Queue jobs, in turn on each queue."""
    collection, at = database.get_collection("mrq_jobs", write_concern=WriteConcern("majority")), now()
    common = {"path": "benchmarks.tasks.noop", "params": {"number": 1}, "datequeued": at, "status": "queued"}
    for first in range(0, jobs, LOT):
        numbers = range(first, min(jobs, first + LOT))
        collection.insert_many(
            [{"_id": ObjectId(), **common, "queue": queues[n % len(queues)]} for n in numbers], ordered=False
        )


def explain(database: Database[dict[str, Any]], claim: Claim) -> dict[str, Any]:
    """MongoDB's own word on how it finds the jobs of a claim."""
    find = {
        "find": "mrq_jobs",
        "filter": documents.claim_filter(claim, claim.now + HORIZON),
        "sort": dict(documents.claim_order(claim, ASCENDING, DESCENDING)),
        "limit": claim.limit,
    }
    answer = database.command("explain", find, verbosity="executionStats")
    stats, stages, stage = answer["executionStats"], [], answer["queryPlanner"]["winningPlan"]
    stage = stage.get("queryPlan", stage)
    while stage:
        stages.append(f"{stage['stage']} {stage['indexName']}" if "indexName" in stage else stage["stage"])
        stage = stage.get("inputStage")
    return {"keys": stats["totalKeysExamined"], "docs": stats["totalDocsExamined"], "stages": " < ".join(stages)}


if __name__ == "__main__":
    sys.exit(main())
