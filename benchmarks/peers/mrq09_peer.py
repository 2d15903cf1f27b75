"""MRQ 0.9.10, as released: jobs in MongoDB, raw queues in Redis (popped before they are stored)."""

from __future__ import annotations

import os

import probe

from mrq.basetasks.indexes import EnsureIndexes
from mrq.config import get_config
from mrq.context import connections, get_current_config, set_current_config
from mrq.job import queue_job, queue_jobs, queue_raw_jobs
from mrq.task import Task

RAW = os.environ.get("BENCH_RAW", "")


def task_of(body):
    def run(self, params):
        return body(**params)

    return type(body.__name__, (Task,), {"run": run})


noop, sleep50, stamp, burn = (task_of(body) for body in probe.BODIES)


def job_factory(payload):
    return {"path": "mrq09_peer.noop", "params": {"number": int(payload), "address": probe.ADDRESS}}


def configure():
    if not get_current_config():
        import mrq09_config

        set_current_config({**get_config(sources=("env",)), "raw_queues": mrq09_config.RAW_QUEUES})


def setup():
    configure()
    EnsureIndexes().run({})


def enqueue_one(task, numbers):
    configure()
    for number in numbers:
        queue_job(f"mrq09_peer.{task}", {"number": number, "address": probe.ADDRESS})


def enqueue_bulk(task, numbers):
    configure()
    if RAW:
        queue_raw_jobs(RAW, list(numbers))
    else:
        queue_jobs(f"mrq09_peer.{task}", [{"number": number, "address": probe.ADDRESS} for number in numbers])


def pending():
    if RAW:
        from mrq.queue import Queue

        waiting = Queue(RAW).size()
    else:
        waiting = 0
    return waiting + connections.mongodb_jobs.mrq_jobs.count_documents({"status": {"$in": ["queued", "started"]}})
