"""`--otel` in whole workers, with gevent: spans leave the process; an exporter that can't be reached is harmless."""

from __future__ import annotations

import json
import socket
from collections import Counter
from typing import TYPE_CHECKING

from mrq.job import queue_job
from support.httpserver import http_server
from support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from integration.container.conftest import Site

TASK = "support.spantasks.Quiet"
SPANS_IN_A_FILE = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

out = open("spans.jsonl", "a")
exporter = ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\\n")
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
"""


def test_a_worker_exports_what_it_traces(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    worker = site.start_worker("--otel", "--log_format", "json")
    site.wait_for_end(queue_job(TASK, {}))
    wait_until(lambda: '"name": "process default"' in worker.log, 20)
    assert '"code.function.name": "support.spantasks.Quiet"' in worker.log
    assert '"service.name": "mrq"' in worker.log


def test_where_nobody_takes_the_spans_jobs_go_on_and_it_is_counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"), ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"), ("OTEL_TRACES_EXPORTER", "otlp"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    _, admin = site.admin_worker("--otel")
    site.wait_for_end(queue_job(TASK, {}))
    wait_until(lambda: "mrq_failed_exports_total 1" in admin.get("/metrics")[1].decode(), 20)
    site.wait_for_end(queue_job(TASK, {}))


def test_what_a_job_waits_for_is_below_its_run(site: Site) -> None:
    (site.folder / "mrq-config.py").write_text(SPANS_IN_A_FILE)
    site.start_worker("--otel", "--trace_io")
    with socket.create_server(("127.0.0.1", 0)) as server, http_server() as url:
        job = queue_job("support.iotasks.Everything", {"url": url, "port": server.getsockname()[1]})
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"message")
            assert site.wait_for_end(job)["result"] == 200
    exported = site.folder / "spans.jsonl"
    wait_until(lambda: '"process default"' in exported.read_text(), 20)
    spans = [json.loads(line) for line in exported.read_text().splitlines()]
    (process,) = [span for span in spans if span["name"] == "process default"]
    assert process["attributes"]["messaging.message.id"] == str(job)
    below = [span for span in spans if span["parent_id"] == process["context"]["span_id"]]
    assert {span["context"]["trace_id"] for span in below} == {process["context"]["trace_id"]}
    counted = Counter(span["name"] for span in below)
    for name in ("http.get", "dns.gethostbyname", "socket.recv", "redis.llen", "mongodb.insert_one"):
        assert counted[name] == 1, counted
