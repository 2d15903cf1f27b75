"""This project: jobs in MongoDB, written with w=majority."""

from __future__ import annotations

import os

import probe
from pymongo import MongoClient

from mrq.app import App, use_app
from mrq.domain.queuename import parse_queue
from mrq.job import queue_job, queue_jobs, queue_raw_jobs
from mrq.task import task

noop, sleep50, stamp, burn = (task(body) for body in probe.BODIES)

RAW = os.environ.get("BENCH_RAW", "")  # the raw queue of this run, if it is one
_apps = []


def job_factory(payload):
    return {"path": "mrq_cloud_peer.noop", "params": {"number": int(payload), "address": probe.ADDRESS}}


def app():
    if not _apps:
        from mrq_cloud_config import RAW_QUEUES

        _apps.append(App({"mongodb_jobs": probe.MONGODB_URL, "redis": probe.REDIS_URL, "raw_queues": RAW_QUEUES}))
        use_app(_apps[0])
    return _apps[0]


def jobs():
    return MongoClient(probe.MONGODB_URL).get_default_database()["mrq_jobs"]


def setup():
    jobs().drop()
    app().jobs.ensure_indexes()


def enqueue_one(task, numbers):
    app()
    for number in numbers:
        queue_job(f"mrq_cloud_peer.{task}", {"number": number, "address": probe.ADDRESS})


def enqueue_bulk(task, numbers):
    app()
    if RAW:
        queue_raw_jobs(RAW, numbers)
    else:
        queue_jobs(f"mrq_cloud_peer.{task}", [{"number": number, "address": probe.ADDRESS} for number in numbers])


def pending():
    unfinished = jobs().count_documents({"status": {"$in": ["queued", "started"]}})
    if RAW:
        raw = app().raw
        unfinished = max(unfinished, sum(len(raw.held_ids(RAW, holder)) for holder in raw.holders(RAW)))
        unfinished += raw.size(parse_queue(RAW))
    return unfinished
