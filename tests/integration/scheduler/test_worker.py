"""`mrq-worker --scheduler`: what a config file schedules is run; what is wrong in it ends the worker."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from mrq.app import App

TASKS = """
from mrq.task import Task

class Note(Task):
    def run(self, params):
        return params["who"]
"""
GOOD = """
import datetime
SCHEDULER_TASKS = [
    {"path": "schedtasks.Note", "params": {"who": "interval"}, "interval": 1},
    {"path": "schedtasks.Note", "params": {"who": "daily"}, "dailytime": datetime.time(3, 30), "weekday": 0},
]
"""


def run_worker(app: App, folder: Path, config: str, *flags: str) -> subprocess.Popen[str]:
    (folder / "schedtasks.py").write_text(TASKS)
    (folder / "mrq-config.py").write_text(config)
    environment = {
        **os.environ,
        "MRQ_MONGODB_JOBS": app.settings.mongodb_jobs,
        "MRQ_REDIS": app.settings.redis,
        "MRQ_REDIS_PREFIX": app.settings.redis_prefix,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "mrq_container.command", "--scheduler", *flags],
        cwd=folder, env=environment, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_scheduled_jobs_are_queued_at_their_times_and_run(app: App, tmp_path: Path) -> None:
    worker = run_worker(app, tmp_path, GOOD, "--scheduler_interval", "1")
    try:
        wait_until(lambda: len(app.schedules.page(0, 5)) == 2, 30, what="the schedules are stored")
        interval, daily = sorted(app.schedules.page(0, 5), key=lambda state: state.schedule.interval is None)
        wait_until(lambda: len(app.schedules.fetch(interval.id).history) >= 3, 30, what="three runs")  # type: ignore[union-attr]
    finally:
        worker.terminate()
        _, log = worker.communicate(timeout=30)
    state = app.schedules.fetch(interval.id)
    assert state is not None, log
    dues = [entry["due"] for entry in state.history]
    steps = [(b - a).total_seconds() for a, b in pairwise(dues)]
    assert all(step >= 1 and step.is_integer() for step in steps), steps  # one that was missed is left out
    first = app.jobs.fetch(state.history[0]["job"])
    assert first is not None
    assert first.result == "interval"
    assert first.datestarted is not None
    assert app.schedules.fetch(daily.id).history == ()  # type: ignore[union-attr]


def test_a_delayed_job_starts_when_its_time_has_come_and_soon_after(app: App, tmp_path: Path) -> None:
    worker = run_worker(app, tmp_path, GOOD)
    try:
        wait_until(lambda: app.workers.alive(10), 30, what="a worker is alive")
        due = app.reports.now() + timedelta(seconds=2)
        (job,) = app.enqueuer.enqueue("schedtasks.Note", [{"who": "late"}], "default", due=due)
        record = wait_until(lambda: (r := app.jobs.fetch(job)) and r.result and r, 30, what="it ran")
    finally:
        worker.terminate()
        _, log = worker.communicate(timeout=30)
    assert record.datestarted is not None, log
    late = (record.datestarted - due).total_seconds()
    assert (
        0 <= late < 10
    )  # within a second on a machine that has nothing else to do; a look only now and then is a minute


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ('{"path": "schedtasks.Note", "interval": 5, "cron": "* * * * *"}', "it has interval and cron"),
        ('{"path": "schedtasks.Nothing", "interval": 5}', "has no 'Nothing'"),
        ('{"path": "schedtasks.Note", "weekday": 3}', "add dailytime"),
        ('{"path": "schedtasks.Note", "interval": float("nan")}', "interval should be from 0.1"),
        ('{"path": "schedtasks.Note", "interval": 5, "params": {"n": object()}}', "object"),
    ],
)
def test_a_wrong_schedule_ends_the_worker_and_is_named(app: App, tmp_path: Path, entry: str, text: str) -> None:
    worker = run_worker(app, tmp_path, f"SCHEDULER_TASKS = [{entry}]")
    _, log = worker.communicate(timeout=60)
    assert worker.returncode > 0
    assert "SCHEDULER_TASKS[0]" in log
    assert text in log
