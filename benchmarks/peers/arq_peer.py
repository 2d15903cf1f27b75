"""arq."""

from __future__ import annotations

import asyncio
import functools
import os

import asyncbodies
import probe
import uvloop
from arq import create_pool, func
from arq.connections import RedisSettings

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
LOG = {"version": 1, "loggers": {"arq": {"level": "WARNING"}}}
SETTINGS = RedisSettings.from_dsn(probe.REDIS_URL)


def without_context(body):
    @functools.wraps(body)
    async def run(_context, number, address):
        return await body(number, address)

    return func(run, name=body.__name__)


class WorkerSettings:
    functions = [without_context(body) for body in asyncbodies.BODIES]  # noqa: RUF012
    redis_settings = SETTINGS
    max_jobs = int(os.environ.get("BENCH_CONCURRENCY", "10"))
    poll_delay = float(os.environ.get("BENCH_POLL", "0.5"))
    keep_result = 3600 if probe.RESULTS else 0


_pools = []


def pool():
    if not _pools:
        _pools.append(asyncbodies.run(create_pool(SETTINGS)))
    return _pools[0]


def enqueue_one(task, numbers):
    to = pool()
    asyncbodies.run(asyncbodies.one_by_one(lambda number: to.enqueue_job(task, number, probe.ADDRESS), numbers))


def enqueue_bulk(task, numbers):
    to = pool()
    asyncbodies.run(asyncbodies.fifty_at_once(lambda number: to.enqueue_job(task, number, probe.ADDRESS), numbers))


def pending():
    return asyncbodies.run(pool().zcard("arq:queue"))
