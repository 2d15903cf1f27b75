"""How fast a job could be handed to an idle worker at best: bare drivers that do the same operations."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import redis
from pymongo import ReturnDocument, WriteConcern

from benchmarks import floors
from mrq.stores.mongo_client import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.services import Services

PAUSE = 0.05  # seconds, long enough for the other to wait again: what is measured is an idle waiter
LONGEST = 10.0  # seconds
CHANNEL = "handover"


def through_redis(services: Services, samples: int) -> list[float]:
    """Milliseconds from before an LPUSH to the return of a BLPOP that another thread's connection waits in."""
    waiting, pusher = (redis.Redis.from_url(services.redis_url) for _ in range(2))
    return _timed(samples, lambda: waiting.blpop([CHANNEL]), lambda: pusher.lpush(CHANNEL, "1"))


def through_mongodb(services: Services, samples: int, w: str | int = "majority") -> list[float]:
    """Milliseconds for what a queue in MongoDB can't do without: a job is written, who waits is called over Redis and
    marks the job as his. `w`: of both writes; "majority" awaits a disk, 1 doesn't."""
    database = connect(services.mongodb_url, server_timeout=5, name="benchmarks")
    database.drop_collection("mrq_jobs")
    other = connect(services.mongodb_url, server_timeout=5, name="b")
    ours, theirs = (floors.jobs_of(each).with_options(write_concern=WriteConcern(w)) for each in (database, other))
    ours.create_index([("queue", 1), ("status", 1), ("datequeued", 1)])
    pusher = redis.Redis.from_url(services.redis_url)
    ear: Any = redis.Redis.from_url(services.redis_url).pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    ear.subscribe(CHANNEL)
    ear.get_message(timeout=LONGEST)  # the answer to the subscription

    def take() -> None:
        while ear.get_message(timeout=LONGEST) is None:
            pass
        wanted: dict[str, Any] = {"queue": "default", "status": "queued"}
        update = {"$set": {"status": "started", "datestarted": floors.now()}}
        after = ReturnDocument.AFTER
        theirs.find_one_and_update(wanted, update, sort=[("datequeued", 1)], return_document=after)

    def give() -> None:
        (job,) = floors.documents(1)
        ours.insert_one(job)
        pusher.publish(CHANNEL, "1")

    return _timed(samples, take, give)


def _timed(samples: int, take: Callable[[], object], give: Callable[[], object]) -> list[float]:
    got: list[int] = []
    found: list[float] = []

    def wait() -> None:
        for _ in range(samples):
            take()
            got.append(time.monotonic_ns())

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    for number in range(samples):
        time.sleep(PAUSE)
        start = time.monotonic_ns()
        give()
        end = time.monotonic() + LONGEST
        while len(got) <= number and time.monotonic() < end:
            time.sleep(0.0005)
        found.append((got[number] - start) / 1e6)
    thread.join(LONGEST)
    return found
