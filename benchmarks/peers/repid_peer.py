"""repid: Redis streams; it stores no results."""

from __future__ import annotations

import asyncio

import asyncbodies
import probe
import redis
from repid import RedisServer, Repid, Router

app = Repid(title="bench", version="1")
app.servers.register_server("default", RedisServer(probe.REDIS_URL, batch_size=100), is_default=True)
router = Router()
for body in asyncbodies.BODIES:
    router.actor(body)
app.include_router(router)
client = redis.Redis.from_url(probe.REDIS_URL)
_held = []


async def connected():
    if not _held:
        _held.append(app.servers.default.connection())
        await _held[0].__aenter__()


def send(task, number):
    return app.send_message_json(
        channel="default", payload={"number": number, "address": probe.ADDRESS}, headers={"topic": task}
    )


def enqueue_one(task, numbers):
    asyncbodies.run(connected())
    asyncbodies.run(asyncbodies.one_by_one(lambda number: send(task, number), numbers))


def enqueue_bulk(task, numbers):
    asyncbodies.run(connected())
    asyncbodies.run(asyncbodies.fifty_at_once(lambda number: send(task, number), numbers))


def pending():
    if not client.exists("repid:default"):
        return 0
    groups = client.xinfo_groups("repid:default")
    if not groups:
        return client.xlen("repid:default")
    return (groups[0]["lag"] or 0) + groups[0]["pending"]


async def work():
    async with app.servers.default.connection():
        await app.run_worker(tasks_limit=100)


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
