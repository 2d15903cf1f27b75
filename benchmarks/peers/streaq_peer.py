"""streaq: Redis streams."""

from __future__ import annotations

import asyncio
import os

import asyncbodies
import probe
import uvloop
from streaq import Worker

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
CONCURRENCY = int(os.environ.get("BENCH_CONCURRENCY", "50"))
worker = Worker(redis_url=probe.REDIS_URL, concurrency=CONCURRENCY)
TTL = 3600 if probe.RESULTS else 0
TASKS = {body.__name__: worker.task(name=body.__name__, silent=True, ttl=TTL)(body) for body in asyncbodies.BODIES}
_held = []


async def connected():
    """Its connections live in a task that must not end."""
    if _held:
        return
    ready = asyncio.Event()

    async def hold():
        async with worker:
            ready.set()
            await asyncio.Event().wait()

    _held.append(asyncio.create_task(hold()))
    await ready.wait()


def enqueue_one(task, numbers):
    async def send():
        await connected()
        for number in numbers:
            await TASKS[task].enqueue(number, probe.ADDRESS)

    asyncbodies.run(send())


def enqueue_bulk(task, numbers):
    async def send():
        await connected()
        for first in range(0, len(numbers), 1000):
            await worker.enqueue_many(
                [TASKS[task].enqueue(number, probe.ADDRESS) for number in numbers[first : first + 1000]]
            )

    asyncbodies.run(send())


def pending():
    async def ask():
        await connected()
        return await worker.queue_size()

    return asyncbodies.run(ask())
