"""`mrq stats` after real runs."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.stats import Counts, Period, Resolution, Tally, period_id
from mrq.job import queue_job, queue_jobs
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from cli.conftest import Mrq

    from mrq.app import App

TASKS = """
from mrq.task import task

@task
def divide(a, b):
    return a / b

@task
def more():
    pass
"""


@pytest.fixture
def ran(app: App, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three good runs and two that failed on one queue, one on another, and jobs that wait."""
    (tmp_path / "tasks_to_count.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    queue_jobs("tasks_to_count.divide", [{"a": 6, "b": b} for b in (1, 2, 3, 0, 0)])
    queue_job("tasks_to_count.more", {}, queue="pages/a")
    run_jobs("default", "pages/", app=app)
    queue_jobs("tasks_to_count.more", [{}] * 4, queue="waits")


def rows(out: str) -> dict[str, str]:
    return {line.split()[0]: line for line in out.splitlines()}


@pytest.mark.usefixtures("configured", "ran")
def test_runs_by_queue_and_what_waits(mrq: Mrq) -> None:
    assert mrq("tick")[0] == 0
    code, out, err = mrq("stats")
    assert (code, err) == (0, "")
    shown = rows(out)
    assert shown["queue"].split()[:6] == ["queue", "runs", "per", "s", "failed", "again"]
    assert shown["queue"].split()[-2:] == ["waiting", "oldest"]
    runs, failed = shown["default"].split()[1], shown["default"].split()[3]
    assert (runs, failed) == ("5", "2")
    assert "ms" in shown["default"]
    assert shown["pages/"].split()[1] == "1"
    assert shown["waits"].split()[:3] == ["waits", "0", "4"]


@pytest.mark.usefixtures("configured", "ran")
def test_runs_by_task(mrq: Mrq) -> None:
    code, out, _ = mrq("stats", "--by", "task", "--last", "30m")
    assert code == 0
    assert {name: line.split()[1] for name, line in rows(out).items()} == {
        "task": "runs", "tasks_to_count.divide": "5", "tasks_to_count.more": "1",
    }  # fmt: skip
    assert "waiting" not in out


@pytest.mark.usefixtures("configured", "ran")
def test_runs_for_programs(mrq: Mrq) -> None:
    code, out, _ = mrq("stats", "--json", "--last", "2d")
    found = {each["queue"]: each for each in map(json.loads, out.splitlines())}
    assert code == 0
    assert found["default"]["ended"] == {"success": 3, "failed": 2}
    assert found["default"]["run"]["p50"] > 0
    assert found["pages/"]["wait"]["mean"] >= 0


@pytest.mark.usefixtures("configured")
def test_growth_of_the_last_hour_stands_beside_that_of_the_whole_time(mrq: Mrq, app: App) -> None:
    now = app.clock.now()
    for hours, grown in ((3, {"leaks": 0, "imports": 6}), (0, {"leaks": 4, "imports": 0})):
        start = Resolution.MINUTE.start_of(now - timedelta(hours=hours))
        counts = {
            ("default", f"tasks.{name}"): Counts(10, measured=10, grown=kib * 10_240) for name, kib in grown.items()
        }
        minute = Period(period_id(Resolution.MINUTE, start), Resolution.MINUTE, start, 1, Tally(counts))
        app.stats_store.put(minute, now + timedelta(days=1))
    _, out, _ = mrq("stats", "--by", "task", "--last", "5h")
    shown = rows(out)
    assert shown.pop("task").split()[-5:] == ["grew", "a", "run", "last", "hour"]
    assert {name: re.findall(r"\S+ KiB", line) for name, line in shown.items()} == {
        "tasks.leaks": ["2.0 KiB", "4.0 KiB"], "tasks.imports": ["3.0 KiB", "0.0 KiB"],
    }  # fmt: skip
    _, out, _ = mrq("stats", "--by", "task")
    assert rows(out)["task"].endswith("grew a run")
    for last, whole in (("5h", 2048), ("1h", 4096)):
        found = map(json.loads, mrq("stats", "--by", "task", "--last", last, "--json")[1].splitlines())
        assert [(each["growth"], each["growth_last_hour"]) for each in found if each["task"] == "tasks.leaks"] == [
            (whole, 4096)
        ]


@pytest.mark.usefixtures("configured", "app")
def test_nothing_ran(mrq: Mrq) -> None:
    code, out, err = mrq("stats")
    assert (code, err) == (0, "")
    assert out.startswith("Nothing ran in that time")
    code, _, err = mrq("stats", "--last", "soon")
    assert code == 2
    assert "such as 90m" in err
