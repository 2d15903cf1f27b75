"""Celery on Redis, with early acknowledgement, its default."""

from __future__ import annotations

import os

import probe
import redis
from celery import Celery, group

app = Celery("bench", broker=probe.REDIS_URL, backend=probe.REDIS_URL if probe.RESULTS else None)
app.conf.update(
    task_ignore_result=not probe.RESULTS,
    worker_prefetch_multiplier=int(os.environ.get("BENCH_PREFETCH", "4")),
    broker_connection_retry_on_startup=True,
    result_backend_thread_safe=os.environ.get("BENCH_THREAD_SAFE") == "1",
)
TASKS = {body.__name__: app.task(name=body.__name__)(body) for body in probe.BODIES}
client = redis.Redis.from_url(probe.REDIS_URL)


def enqueue_one(task, numbers):
    for number in numbers:
        TASKS[task].delay(number, probe.ADDRESS)


def enqueue_bulk(task, numbers):
    for first in range(0, len(numbers), 1000):
        group(TASKS[task].s(number, probe.ADDRESS) for number in numbers[first : first + 1000]).apply_async()


def pending():
    return client.llen("celery") + client.hlen("unacked")
