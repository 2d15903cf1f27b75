"""Huey on Redis: what was popped is lost with the process."""

from __future__ import annotations

import probe
from huey import RedisHuey

huey = RedisHuey("bench", url=probe.REDIS_URL, results=probe.RESULTS)
TASKS = {body.__name__: huey.task(name=body.__name__)(body) for body in probe.BODIES}


def enqueue_one(task, numbers):
    for number in numbers:
        TASKS[task](number, probe.ADDRESS)


enqueue_bulk = enqueue_one  # `map` makes a call for each too


def pending():
    return huey.storage.queue_size()
