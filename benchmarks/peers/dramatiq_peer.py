"""Dramatiq on Redis."""

from __future__ import annotations

import dramatiq
import probe
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

broker = RedisBroker(url=probe.REDIS_URL)
options = {}
if probe.RESULTS:
    broker.add_middleware(Results(backend=RedisBackend(url=probe.REDIS_URL)))
    options = {"store_results": True}
dramatiq.set_broker(broker)


def without_result(body):
    """Dramatiq warns of each value that nobody stores."""

    def run(number, address):
        body(number, address)

    return run


TASKS = {
    body.__name__: dramatiq.actor(actor_name=body.__name__, **options)(body if probe.RESULTS else without_result(body))
    for body in probe.BODIES
}


def enqueue_one(task, numbers):
    for number in numbers:
        TASKS[task].send(number, probe.ADDRESS)


enqueue_bulk = enqueue_one  # it has no call for many: a group is a message after the other too


def pending():
    return broker.client.hlen("dramatiq:default.msgs")  # holds a message until it is acknowledged
