"""`mrq tick` and `mrq.schedules.tick`: what workers do for one another, done without one."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from mrq import schedules
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.job import Job, queue_job

if TYPE_CHECKING:
    from pathlib import Path

    from mrq.app import App

ADD = "support.jobtasks.gives_up"
CONFIG = f"""
SCHEDULER_TASKS = [{{"path": "{ADD}", "params": {{"how": "x"}}, "interval": 3600, "queue": "recurring"}}]
HEARTBEAT_INTERVAL = 0.2
"""
LEASE = 0.6


def dead_worker(app: App) -> str:
    """A job that a worker took which is not heard of again."""
    job, worker = queue_job(ADD, {"how": "x"}), app.jobs.new_id()
    app.workers.register(WorkerRecord(worker, "dead", app.clock.now(), lease=LEASE))
    app.jobs.start(job, worker, app.jobs.new_id(), app.clock.now())
    assert Job(job).fetch().data["status"] == "started"
    return str(job)


def tick(folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mrq.cli.main", "tick"],
        cwd=folder, env=environment, text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_call_queues_rescues_deletes_and_makes_indexes(app: App, tmp_path: Path) -> None:
    job, expired = dead_worker(app), app.jobs.new_id()
    app.jobs.collection.insert_one({  # type: ignore[attr-defined]
        "_id": expired, "path": ADD, "status": "success", "queue": "q",
        "dateexpires": app.clock.now() - timedelta(minutes=6),
    })  # fmt: skip
    (tmp_path / "mrq-config.py").write_text(CONFIG)
    environment = {
        **os.environ,
        "MRQ_MONGODB_JOBS": app.settings.mongodb_jobs,
        "MRQ_REDIS": app.settings.redis,
        "MRQ_REDIS_PREFIX": app.settings.redis_prefix,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    texts = [tick(tmp_path, environment) for _ in range(2)]
    assert "queued by schedules: 1 job\n" in texts[0]
    assert "queued by schedules: 0 jobs\n" in texts[1]
    assert Job(job).fetch().data["status"] == "queued"
    assert app.jobs.count("recurring", frozenset({Status.QUEUED})) == 1
    assert app.jobs.missing_indexes() == []
    assert "indexes" not in texts[1]  # once an hour is enough


def test_what_expired_is_deleted_once_its_index_is_there(app: App) -> None:
    app.ensure_indexes()
    app.jobs.collection.insert_one({  # type: ignore[attr-defined]
        "_id": app.jobs.new_id(), "path": ADD, "status": "success", "queue": "q",
        "dateexpires": app.clock.now() - timedelta(minutes=6),
    })  # fmt: skip
    done = schedules.tick()
    assert done.queued == 0
    assert app.jobs.count("q", frozenset({Status.SUCCESS})) == 0
    assert done.upkeep["expiry"] <= 1  # MongoDB may have been faster
