"""`--otel` in whole workers, with gevent: spans leave the process; an exporter that can't be reached is harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mrq.job import queue_job
from support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from integration.container.conftest import Site

TASK = "support.spantasks.Quiet"


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
