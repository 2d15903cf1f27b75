"""What `--trace_io` has a span for: one for each call of a library, under what the job is at."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import redis
import urllib3
from opentelemetry.trace import SpanKind

from mrq.app_tracing import IoTracing
from mrq.job import queue_job
from mrq.stores.mongo_client import connect
from mrq.testing import memory_app, run_jobs
from support import spantasks
from support.httpserver import http_server
from support.spanbench import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import ReadableSpan

OF_JOBS = ("send", "wait", "process", "inside")


@pytest.fixture
def bench() -> Iterator[Bench]:
    with memory_app(trace_io=True) as app:
        tracing = IoTracing(app, lambda: None)
        tracing.install()
        yield Bench(app)
        tracing.remove()


def spans_of(bench: Bench, call: Callable[[], Any]) -> list[ReadableSpan]:
    """The spans of what a job waited for while it called this."""
    spantasks.wait = call  # type: ignore[assignment]
    queue_job("support.spantasks.Waits", {})
    run_jobs(app=bench.app)
    found = [span for span in bench.spans() if not span.name.startswith(OF_JOBS)]
    assert {span.kind for span in found} == {SpanKind.CLIENT}
    assert {span.parent.span_id for span in found if span.parent} == {bench.one("inside of the task").context.span_id}
    return found


def told(span: ReadableSpan) -> tuple[str, dict[str, Any]]:
    return span.name, dict(span.attributes or {})


def test_a_request_is_one_of_http_beside_those_of_its_connection(bench: Bench) -> None:
    with http_server() as url, urllib3.PoolManager() as pool:
        spans = spans_of(bench, lambda: pool.request("GET", url))
    (request,) = [span for span in spans if span.name.startswith("http.")]
    assert told(request) == ("http.get", {"http.request.method": "GET", "server.address": "127.0.0.1"})
    connection = [span.name for span in spans if span is not request]
    assert connection[:2] == ["dns.getaddrinfo", "socket.connect"]
    assert set(connection[2:]) <= {"socket.sendall", "socket.recv_into"}


def test_a_name_that_is_looked_up_is_one_of_dns(bench: Bench) -> None:
    (span,) = spans_of(bench, lambda: socket.getaddrinfo("localhost", 80))
    assert told(span) == ("dns.getaddrinfo", {"server.address": "localhost"})


def test_a_message_at_a_socket_is_one_of_sockets(bench: Bench) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"message")
        (span,) = spans_of(bench, lambda: here.recv(100))
    assert told(span) == ("socket.recv", {})


def test_a_command_is_one_of_redis_and_none_of_its_socket(bench: Bench, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        (span,) = spans_of(bench, lambda: client.llen("io-spans"))
    assert told(span) == ("redis.llen", {"db.system.name": "redis", "db.operation.name": "LLEN"})


def test_a_write_is_one_of_mongodb_and_none_of_its_socket(bench: Bench, mongodb_url: str) -> None:
    database = connect(mongodb_url, server_timeout=5, name="test")
    with database.client:
        (span,) = spans_of(bench, lambda: database.io_spans.insert_one({"a": 1}))
    name = f"{database.name}.io_spans"
    about = {"db.system.name": "mongodb", "db.operation.name": "insert_one", "db.collection.name": name}
    assert told(span) == ("mongodb.insert_one", about)
