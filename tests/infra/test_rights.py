"""The cache's user may do all that MRQ does, and no more: tried on a real Valkey with the rights of the template."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import redis

from mrq.app import App, use_app, worker_options
from mrq.domain.status import Status
from mrq.engine.threads import ThreadRuntime
from mrq.queue import Queue
from mrq_cdk.stores import CACHE_RIGHTS
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RAW = {name: {"job_factory": lambda raw: {"path": "support.bursttasks.work", "params": {"key": str(raw), "seconds": 0}}}
       for name in ("a_raw", "b_set", "c_sorted_set", "d_timed_set")}  # fmt: skip


@pytest.fixture(params=["redis_url", "redis_cluster_url"])
def limited(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server for a user with these rights: one alone, and one in cluster mode behind TLS."""
    url: str = request.getfixturevalue(request.param)
    admin = redis.Redis.from_url(url)  # of the one node
    admin.execute_command("ACL", "SETUSER", "limited", "reset", ">secret", *CACHE_RIGHTS.split())
    yield url.replace("://", "://limited:secret@")
    admin.execute_command("ACL", "DELUSER", "limited")
    admin.close()


@pytest.fixture
def app(
    mongodb_url: str, limited: str, redis_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:
    monkeypatch.setenv("FAULTS_LEDGER", str(tmp_path / "ledger"))
    settings: dict[str, Any] = {
        "mongodb_jobs": mongodb_url, "mongodb_logs": mongodb_url, "redis": limited, "redis_prefix": redis_prefix,
        "raw_queues": RAW, "tasks": {"support.bursttasks.work": {"max_concurrency": 9, "rate": "1000/s"}},
    }  # fmt: skip
    made = App(settings)
    use_app(made)
    yield made
    use_app(None)
    made.close()


def test_everything_that_uses_redis_works_with_these_rights(app: App, caplog: pytest.LogCaptureFixture) -> None:
    for name in RAW:
        queue = Queue(name)
        queue.enqueue_raw_jobs({"1": 1.0, "2": 2.0} if name.startswith(("c_", "d_")) else ["1", "2"])
    jobs = app.enqueuer.enqueue(
        "support.bursttasks.work", [{"key": f"k{n}", "seconds": 0} for n in range(6)], "default"
    )
    app.pauses.pause("other")
    options = worker_options(app.settings)
    worker = app.worker(ThreadRuntime(), options=replace(options, queues=("default", *RAW), greenlets=3))
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_until(lambda: all((job := app.jobs.fetch(each)) and job.status is Status.SUCCESS for each in jobs), 60)
        wait_until(lambda: all(Queue(name).size() == 0 for name in RAW), 60)
    finally:
        worker.stop.interrupt("done")
        thread.join(30)
    assert app.pauses.paused() == {"other"}
    assert "NOPERM" not in caplog.text


@pytest.mark.parametrize(
    "command",
    [("FLUSHALL",), ("SAVE",), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("SHUTDOWN",), ("SWAPDB", "0", "1")],
)
def test_what_harms_others_is_refused(limited: str, command: tuple[str, ...]) -> None:
    client = redis.Redis.from_url(limited)
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)
    client.close()
