"""RQ."""

from __future__ import annotations

import probe
import redis
from probe import burn, noop, sleep50, stamp  # noqa: F401 - found by name
from rq import Queue

client = redis.Redis.from_url(probe.REDIS_URL)
queue = Queue("default", connection=client)
TTL = 500 if probe.RESULTS else 0


def enqueue_one(task, numbers):
    for number in numbers:
        queue.enqueue(f"rq_peer.{task}", number, probe.ADDRESS, result_ttl=TTL)


def enqueue_bulk(task, numbers):
    for first in range(0, len(numbers), 1000):
        queue.enqueue_many(
            [
                queue.prepare_data(f"rq_peer.{task}", (number, probe.ADDRESS), result_ttl=TTL)
                for number in numbers[first : first + 1000]
            ]
        )


def pending():
    return client.llen("rq:queue:default") + client.zcard("rq:wip:default")
