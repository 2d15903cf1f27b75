"""Raw queues: what MRQ takes, beside bare loops that make the same calls to Redis and MongoDB. All return seconds."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from benchmarks import floors, measures
from mrq.app import get_app
from mrq.domain.queuename import parse_queue
from mrq.job import queue_raw_jobs
from mrq.ports.raw import Take

if TYPE_CHECKING:
    from pymongo.database import Database

    from benchmarks.services import Services
    from mrq.ports.raw import Held

KEPT, FAST = "kept_raw", "fast_raw"
CONFIG = str(measures.ROOT / "benchmarks" / "config.py")


def fill(queue: str, n: int) -> None:
    """Payloads for `n` no-op jobs."""
    get_app().raw.empty(parse_queue(queue))
    queue_raw_jobs(queue, range(n))


def _takes(queue: str, batch: int) -> Any:
    """Take batches until nothing is left, with the very scripts that workers use."""
    raw, worker, numbers = get_app().raw, ObjectId(), itertools.count(1)
    name = parse_queue(queue)
    while True:
        ids = [ObjectId() for _ in range(batch)]
        take = Take(name.root, name.type, False, (queue,), worker, next(numbers), ids, time.time(), unstored=True)
        held = raw.take(take)
        if not held:
            raw.leave(queue, worker)
            return
        yield worker, held
        raw.done(queue, worker, [each.id for each in held])


def fast_floor(n: int, batch: int) -> float:
    """Two calls to Redis a batch, and nothing else."""
    start, done = time.perf_counter(), 0
    for _, held in _takes(FAST, batch):
        done += len(held)
    _check(done, n)
    return time.perf_counter() - start


def kept_floor(database: Database[dict[str, Any]], n: int, batch: int) -> float:
    """The same, with the inserts and the ends in MongoDB."""
    jobs, start, done = floors.jobs_of(database), time.perf_counter(), 0
    for worker, held in _takes(KEPT, batch):
        token = ObjectId()
        made = [_document(each, worker, token) for each in held]
        jobs.insert_many(made, ordered=False)
        at = floors.now()
        jobs.update_many(*floors.ends_of(made, token, at))
        done += len(held)
    _check(done, n)
    return time.perf_counter() - start


def _document(held: Held, worker: ObjectId, token: ObjectId) -> dict[str, Any]:
    at = floors.now()
    return {
        "_id": held.id,
        "path": measures.TASK,
        "params": {"number": int(held.payload), "address": "someone@example.org"},
        "queue": "default",
        "raw_queue": held.queue,
        "datequeued": at,
        "datestarted": at,
        "status": "started",
        "worker": worker,
        "claim": token,
    }


def _check(done: int, n: int) -> None:
    if done != n:
        raise RuntimeError(f"{done} jobs were done, not {n}")


def drain(servers: Services, queue: str, n: int, greenlets: int) -> float:
    """Run what waits in one worker process; seconds from the first payload taken to the last one let go."""
    raw, name = get_app().raw, parse_queue(queue)
    worker = measures.start_worker(
        servers, queue, "--config", CONFIG, "--greenlets", str(greenlets), "--dequeue_strategy", "burst"
    )
    try:
        while raw.size(name) == n and worker.poll() is None:
            time.sleep(0.001)
        start = time.perf_counter()
        while raw.size(name) and worker.poll() is None:
            time.sleep(0.005)
        while any(raw.held_ids(queue, holder) for holder in raw.holders(queue)):
            time.sleep(0.001)
        seconds = time.perf_counter() - start
    finally:
        code = worker.wait()
    if code or raw.size(name):
        raise RuntimeError(f"the worker ended with code {code}, {raw.size(name)} payloads wait")
    return seconds
