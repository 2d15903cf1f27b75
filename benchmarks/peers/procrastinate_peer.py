"""Procrastinate on PostgreSQL with its default durability (fsync and synchronous_commit on); jobs are kept."""

from __future__ import annotations

import os

import asyncbodies
import probe
import procrastinate
import psycopg

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(
        conninfo=probe.POSTGRES, min_size=1, max_size=int(os.environ.get("BENCH_CONNECTIONS", "10"))
    )
)
TASKS = {body.__name__: app.task(name=body.__name__)(body) for body in asyncbodies.BODIES}
_open = []


def sql(text):
    with psycopg.connect(probe.POSTGRES, autocommit=True) as connection:
        cursor = connection.execute(text)
        return cursor.fetchone()[0] if cursor.description else None


def setup():
    sql("DROP SCHEMA public CASCADE")
    sql("CREATE SCHEMA public")
    producer().schema_manager.apply_schema()


def producer():
    if not _open:
        _open.append(app.open())
    return _open[0]


def enqueue_one(task, numbers):
    send = producer().tasks[task]
    for number in numbers:
        send.defer(number=number, address=probe.ADDRESS)


def enqueue_bulk(task, numbers):
    send = producer().tasks[task]
    for first in range(0, len(numbers), 1000):
        send.batch_defer(*[{"number": n, "address": probe.ADDRESS} for n in numbers[first : first + 1000]])


def pending():
    return sql("SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")
