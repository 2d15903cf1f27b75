"""The HTTP server of one worker (`--admin_port`): its report, and a way to wait until it is idle."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from gevent.pywsgi import WSGIServer

from mrq.cli.run import as_json
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mrq_container.worker import Worker

log = logging.getLogger("mrq.worker")

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

REPORTS = {"/": False, "/report": False, "/report_mem": True}
"""Paths that answer with the report, and whether memory and CPU time are measured for it."""


class AdminServer:
    """Answers GET: `/` and `/report`, `/report_mem`, `/wait_for_idle`,
    `/metrics` for Prometheus,
    `/profile?seconds=10`. Whoever reaches the port may ask."""

    def __init__(self, worker: Worker, ip: str, port: int) -> None:
        self._worker = worker
        self._server = WSGIServer((ip, port), self._answer, log=None, error_log=log)

    def start(self) -> bool:
        """Listen. False: the port can't be had; the worker works all the same, and has said so."""
        where = f"{self._server.server_host}:{self._server.server_port}"
        try:
            self._server.start()
        except OSError as error:
            log.error("no admin server at %s: %s", where, error)
            return False
        log.info("the admin server listens at %s:%d", self._server.server_host, self._server.server_port)
        return True

    def stop(self) -> None:
        """Answer those who wait, and close the port."""
        self._server.stop(timeout=0.5)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port or 0)

    def _answer(
        self, environ: dict[str, Any], start: Callable[[str, list[tuple[str, str]]], object]
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        status, body, kind = "200 OK", b"", "application/json"
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            status, body = "405 Method Not Allowed", b'{"error": "only GET"}'
        elif path in REPORTS:
            report = self._worker.get_worker_report(with_memory=REPORTS[path])
            body = json.dumps(report, default=as_json).encode()
        elif path == "/metrics":
            body, kind = self._worker.exporter.prometheus(self._worker.engine).encode(), PROMETHEUS
        elif path == "/profile":
            body = json.dumps({"profile": self._worker.profile(seconds_in(environ["QUERY_STRING"]))}).encode()
        elif path == "/wait_for_idle":
            self._worker.wait_for_idle()
            if self._worker.engine.stop.graceful:  # as in MRQ 0.9, one that ends doesn't say that it is idle
                status, body = "503 Service Unavailable", b'{"error": "the worker stops"}'
            else:
                body = b"idle"
        else:
            status, body = "404 Not Found", b'{"error": "not found"}'
        start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]


def seconds_in(query: str, otherwise: float = 10.0) -> float:
    """`seconds=N` of a query."""
    try:
        return float(parse_qs(query)["seconds"][0])
    except (KeyError, ValueError):
        return otherwise


def published(worker: Worker) -> None:
    """Publish the sizes of the worker's queues, if Redis lets us."""
    try:
        worker.engine.sizes.publish_all()
    except StoreUnavailableError as error:
        log.debug("the sizes of queues are not published: %s", error)
