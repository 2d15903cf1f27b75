"""Metrics and structured logs of whole workers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from mrq.job import queue_job
from mrq_container.exporting import Exporter
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from integration.container.conftest import Site

LEAKY = "support.leakytasks"
SAY, TASK = "support.workertasks.Say", "support.tracedtasks.Sleeper"


def json_lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_the_admin_server_answers_prometheus(site: Site) -> None:
    _, admin = site.admin_worker(greenlets=3)
    site.wait_for_end(queue_job(TASK, {"seconds": 0.01}))
    line = f'mrq_runs_total{{queue="default",task="{TASK}",status="success"}} 1'
    wait_until(lambda: line in admin.get("/metrics")[1].decode(), 20)
    text = admin.get("/metrics")[1].decode()
    assert f'mrq_run_seconds_count{{queue="default",task="{TASK}"}} 1' in text
    assert "mrq_worker_greenlets 3.0" in text


def test_cloudwatch_lines_and_json_logs_say_whose_they_are(site: Site) -> None:
    worker = site.start_worker("--emf", "--log_format", "json", "--report_interval", "0.3")
    job = queue_job(SAY, {"n": "token=abc123"})
    site.wait_for_end(job)
    wait_until(lambda: f'"Task": "{SAY}"' in worker.log, 20)
    lines = json_lines(worker.log)
    (runs,) = [line for line in lines if line.get("Task") == SAY]
    assert (runs["Queue"], runs["Runs.success"]) == ("default", 1)
    (said,) = [line for line in lines if "café" in str(line.get("message"))]
    assert said["message"] == "café token=***"
    assert (said["level"], said["job"], said["task"], said["queue"]) == ("WARNING", str(job), SAY, "default")
    assert said["worker"] == runs["Worker"]
    assert "abc123" not in worker.log
    assert "abc123" not in "".join(site.logs(job=job))


def test_what_came_since_the_last_report_is_written_at_the_end(site: Site) -> None:
    worker = site.start_worker("--emf", "--report_interval", "100", "--max_jobs", "1")
    site.wait_for_end(queue_job(SAY, {"n": 1}))
    assert worker.wait() == 0
    (runs,) = [line for line in json_lines(worker.log) if line.get("Task") == SAY]
    assert runs["Runs.success"] == 1


class Full:
    """A disk without room."""

    def write(self, _text: str) -> None:
        raise OSError("no space left on device")


def test_files_that_can_not_be_written_are_counted_and_jobs_go_on(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    worker, admin = site.admin_worker(
        "--report_file", str(tmp_path / "file" / "report.json"), "--report_interval", "0.2",
        "--trace_memory_type", f"{LEAKY}.Page", "--trace_memory_output_dir", str(tmp_path / "file"), greenlets=1,
    )  # fmt: skip

    def failed() -> int:
        found = re.search(r"^mrq_failed_exports_total (\d+)$", admin.get("/metrics")[1].decode(), re.MULTILINE)
        return int(found[1]) if found else 0

    wait_until(lambda: failed() >= 2, 20, what="reports")
    assert worker.log.count("report.json can't be written (1 times so far): ") == 1
    assert "(2 times so far)" not in worker.log
    site.wait_for_end(queue_job(f"{LEAKY}.Leaks", {}))
    wait_until(lambda: "can't be drawn (1 times so far)" in worker.log, 20)
    site.wait_for_end(queue_job(f"{LEAKY}.IsClean", {}))
    assert site.database.mrq_jobs.count_documents({"status": "success"}) == 2
    assert failed() > worker.log.count("can't be drawn") > 0


def test_an_export_that_fails_is_counted_and_told_and_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    from types import SimpleNamespace

    from mrq.engine.clock import SystemClock

    exporter = Exporter(SystemClock(), out=Full())  # type: ignore[arg-type]
    state = SimpleNamespace(running=list, greenlets=1, quiet=False, worker="w")
    for _ in range(3):
        exporter.write_emf(SimpleNamespace(state=state))  # type: ignore[arg-type]
    assert exporter.failed == 3
    assert [record.message for record in caplog.records] == [
        "metrics can't be written (1 times so far): no space left on device"
    ]
    assert "mrq_failed_exports_total 3" in exporter.prometheus(SimpleNamespace(state=state))  # type: ignore[arg-type]
