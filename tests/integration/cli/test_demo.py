"""`mrq demo`: to its end, with a worker that dies, and interrupted. The servers and the worker are real."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from mrq.cli import demo as cli_demo
from mrq.cli.demo_check import Comparison, Verdict
from mrq.cli.demo_view import Screen, show_summary
from mrq.domain.status import Status
from mrq.embedded.process import process_runs
from mrq.stores.memory_reports import MemoryJobReports
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEMO = [sys.executable, "-m", "mrq.cli.main", "demo"]


def test_the_demo_comes_to_its_end_and_its_totals_agree() -> None:
    done = subprocess.run([*DEMO, "--files", "150"], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"demo ok: \d+ jobs, .+ failed.*, [\d.]+ s, \d+ jobs/s", last), last
    assert "index_file" in done.stdout
    assert "differs" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


@contextmanager
def at_work(*words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A demo that has done some jobs, and the process id of its worker."""
    with subprocess.Popen([*DEMO, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            worker = 0
            for line in process.stdout:
                if found := re.search(r"\(process (\d+)\)", line):
                    worker = int(found[1])
                if re.search(r"\b[1-9][\d,]* of ", line):
                    break
            assert worker
            yield process, worker
        finally:
            process.kill()


def test_a_worker_that_dies_ends_it_with_the_workers_last_words(tmp_path: Path) -> None:
    with at_work("--data", str(tmp_path / "data")) as (process, worker):
        os.kill(worker, signal.SIGKILL)
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(30) == 1
    assert "mrq: the worker ended by itself (killed by SIGKILL)." in said
    assert "connected to MongoDB" in said
    assert str(tmp_path / "data" / "worker.log") in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_stops_everything(number: signal.Signals) -> None:
    with at_work() as (process, worker):
        process.send_signal(number)
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(30) == 130
    assert said.splitlines()[-1] == "Interrupted; the worker and the servers are stopped."
    assert not process_runs(worker)


def watched(monkeypatch: pytest.MonkeyPatch, *statuses: Status) -> Any:
    """Watch a job whose status is each of these for a while."""
    monkeypatch.setattr(cli_demo, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(cli_demo, "PATIENCE", 0.2)
    looks = iter([status for status in statuses for _ in range(30)])
    app = SimpleNamespace(reports=SimpleNamespace(by_status=lambda: {next(looks): 1}))
    worker = SimpleNamespace(running=True, last_words=lambda: "its last words")
    return cli_demo._watch(app, worker, SimpleNamespace(update=lambda counts: None))  # type: ignore[arg-type]


def test_a_long_job_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch, Status.STARTED, Status.SUCCESS) == {Status.SUCCESS: 1}


def test_jobs_that_nobody_starts_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(cli_demo.DemoFailedError, match="nothing has happened for"):
        watched(monkeypatch, Status.QUEUED, Status.SUCCESS)


def test_a_killed_demo_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with at_work() as (process, worker):
        assert any(tmp_path.iterdir())
        process.kill()
        process.wait()
        wait_until(lambda: not process_runs(worker), timeout=40, what="the worker is gone")
        wait_until(lambda: not any(tmp_path.iterdir()), timeout=40, what="the temporary folders are gone")


def test_what_disagrees_is_said_in_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    comparisons = [Comparison("files", 3, 4), Comparison("bytes", 5, 5)]
    verdict = Verdict(comparisons, jobs=9, failed=0, files=4, seconds=1.0, problems=["a job is gone"])
    assert not verdict.good
    Screen(Console(width=80)).end(verdict)
    assert capsys.readouterr().out.splitlines()[-1] == "demo failed: files: 3 instead of 4; a job is gone"


def test_wide_values_are_cut_in_the_last_column_only(capsys: pytest.CaptureFixture[str]) -> None:
    document = {
        "_id": 1,
        "path": "tasks.a_task_with_a_rather_long_name",
        "params": {"path": "/x" * 100, "ids": [1, 2], "other": "y" * 50},
        "status": "success",
        "totaltime": 1234.5,
    }
    show_summary(Screen(Console(width=80)), MemoryJobReports(lambda: [document]), {Status.SUCCESS: 1}, 2.0)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    slow = next(line for line in lines if "x/x" in line)
    assert slow.startswith("a_task_with_a_rather_long_name")
    assert slow.rstrip().endswith("…")
