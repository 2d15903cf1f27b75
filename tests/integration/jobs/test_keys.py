"""Keys on a real MongoDB, between processes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import App, use_app
from mrq.job import Job, queue_job, queue_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[2]
TASK = "support.faulttasks.work"
PROCESSES, KEYS = 8, 200


@pytest.fixture
def bare_app(mongodb_url: str, redis_url: str, redis_prefix: str) -> Iterator[App]:
    """An app on a database without any index."""
    app = App({"mongodb_jobs": mongodb_url, "redis": redis_url, "redis_prefix": redis_prefix})
    use_app(app)
    yield app
    use_app(None)
    app.close()


@contextmanager
def producers(app: App, many: int, *arguments: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Producers that are ready and wait for the word."""
    settings = app.settings
    command = [sys.executable, "-m", "support.keyed_producer", settings.mongodb_jobs, settings.redis,
               settings.redis_prefix, *arguments]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    started = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(many)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def ids_from(processes: list[subprocess.Popen[str]], code: int = 0) -> list[list[str]]:
    """Give the word to all, and read what each printed."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [code] * len(processes)
    return [line.split() for answer in answers for line in answer.splitlines()]


def documents(app: App) -> list[dict[str, Any]]:
    return list(app._database.mrq_jobs.find())


def test_many_processes_that_queue_the_same_keys_queue_each_once(bare_app: App) -> None:
    with producers(bare_app, PROCESSES, str(KEYS), "3") as processes:
        answers = ids_from(processes)
    assert len(answers) == 3 * PROCESSES
    assert all(answer == answers[0] for answer in answers)
    assert sorted(str(document["_id"]) for document in documents(bare_app)) == sorted(answers[0])
    assert len(set(answers[0])) == KEYS
    assert {document["params"]["key"] for document in documents(bare_app)} == {f"key{n}" for n in range(KEYS)}


def test_many_processes_that_replace_ended_jobs_queue_each_once(bare_app: App) -> None:
    names = [f"key{n}" for n in range(KEYS)]
    before = queue_jobs(TASK, [{}] * KEYS, keys=names)
    bare_app._database.mrq_jobs.update_many({}, {"$set": {"status": "success"}})
    with producers(bare_app, PROCESSES, str(KEYS), "1") as processes:
        answers = ids_from(processes)
    assert all(answer == answers[0] for answer in answers)
    assert not set(answers[0]) & {str(job) for job in before}
    assert len(documents(bare_app)) == 2 * KEYS


def test_a_producer_that_dies_between_key_and_job_leaves_nothing_stuck(bare_app: App) -> None:
    with producers(bare_app, 1, "3", "1", "die") as processes:
        assert ids_from(processes, code=9) == []
    assert bare_app._database.mrq_keys.count_documents({}) == 3
    assert documents(bare_app) == []
    job = queue_job(TASK, {"key": "mine"}, key="key1")
    assert (Job(job).fetch().data or {})["params"] == {"key": "mine"}
    assert queue_job(TASK, {}, key="key1") == job
    assert len(documents(bare_app)) == 1
