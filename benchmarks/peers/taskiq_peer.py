"""taskiq on Redis: as a list (what was popped is lost with the process) or as a stream (acknowledged)."""

from __future__ import annotations

import os

import asyncbodies
import probe
import redis
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

STREAM = os.environ.get("BENCH_STREAM") == "1"
broker = RedisStreamBroker(probe.REDIS_URL, consumer_id="0") if STREAM else ListQueueBroker(probe.REDIS_URL)
if probe.RESULTS:
    broker = broker.with_result_backend(RedisAsyncResultBackend(probe.REDIS_URL, result_ex_time=3600))
TASKS = {body.__name__: broker.task(task_name=body.__name__)(body) for body in asyncbodies.BODIES}
client = redis.Redis.from_url(probe.REDIS_URL)


def setup():
    asyncbodies.run(broker.startup())  # makes the consumer group, so that what is sent before a worker is found


def enqueue_one(task, numbers):
    asyncbodies.run(asyncbodies.one_by_one(lambda number: TASKS[task].kiq(number, probe.ADDRESS), numbers))


def enqueue_bulk(task, numbers):
    asyncbodies.run(asyncbodies.fifty_at_once(lambda number: TASKS[task].kiq(number, probe.ADDRESS), numbers))


def pending():
    if not STREAM:
        return client.llen("taskiq")
    groups = client.xinfo_groups("taskiq")
    return (groups[0]["lag"] or 0) + groups[0]["pending"] if groups else 0
