"""Code as users write it, for the type checker. What is wrong must be marked, and what is marked must be wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, assert_type

from mrq.context import get_current_job, queue_job, queue_jobs, run_task
from mrq.domain.ids import ObjectIdLike
from mrq.domain.status import Status
from mrq.helpers import ratelimit
from mrq.job import BulkResult, Job, JobHandle, get_job_result, jobs_matching
from mrq.queue import Queue
from mrq.task import Task, TaskFunction, task


@task
def plain(a: int, b: str = "") -> float:
    return float(a)


@task(queue="crawl", timeout=60, retries=3, retry_delay=1.5, result_ttl=60, exclusive=True)
def fetch(url: str, *, depth: int = 1) -> dict[str, int]:
    return {url: depth}


@task()
def nothing() -> None: ...


@task(
    max_concurrency=3, on_limit="wait", rate="100/m", retries=2, retry_backoff=3, retry_max_delay=60.0,
    retry_jitter=0.5, burst_limit=30,
    retry_on=(OSError, "requests.Timeout"), retry_not_on=FileNotFoundError,
)  # fmt: skip
def limited() -> int:
    return 1


class Old(Task):
    max_concurrency = 3
    mrq_options: ClassVar = {"on_limit": "wait"}

    def run(self, params: dict[str, Any]) -> int:
        return len(params)


# Calling a task is calling its function.
assert_type(limited(), int)
assert_type(plain(1), float)
assert_type(plain(1, b="x"), float)
assert_type(fetch("u", depth=2), dict[str, int])
plain("1")  # type: ignore[arg-type]
plain()  # type: ignore[call-arg]
plain(1, c=2)  # type: ignore[call-arg]
fetch("u", 2)  # type: ignore[call-arg]

# Queueing takes the same arguments.
assert_type(plain.queue(1, "x"), JobHandle[float])
assert_type(fetch.queue("u", depth=2), JobHandle[dict[str, int]])
assert_type(nothing.queue(), JobHandle[None])
plain.queue("1")  # type: ignore[arg-type]
plain.queue()  # type: ignore[call-arg]
plain.queue(1, nonsense=2)  # type: ignore[call-arg]
fetch.queue("u", 2)  # type: ignore[call-arg]
assert_type(plain.queue_many([{"a": 1}]), list[JobHandle[float]])
plain.queue_many([1])  # type: ignore[list-item]
assert_type(plain.path, str)
assert_type(plain.once("key", ttl=60).queue(1, "x"), JobHandle[float])
plain.once("key").queue("1")  # type: ignore[arg-type]
plain.once(7)  # type: ignore[arg-type]
assert_type(fetch.queue_at(datetime(2030, 1, 1), "u", depth=2), JobHandle[dict[str, int]])
fetch.queue_at("tomorrow", "u")  # type: ignore[arg-type]
fetch.queue_at(datetime(2030, 1, 1), 7)  # type: ignore[arg-type]

# Handles know what the task returns.
handle = fetch.queue("u")
assert_type(handle.result(timeout=5), dict[str, int])
assert_type(handle.status(), Status)
assert_type(handle.id, ObjectIdLike)
handle.result("5")  # type: ignore[arg-type]
handle.nonsense()  # type: ignore[attr-defined]

# Options are checked.
task(queue=1)  # type: ignore[call-overload]
task(nonsense=True)  # type: ignore[call-overload]
task(on_limit="stop")  # type: ignore[call-overload]
task(retry_on=3)  # type: ignore[call-overload]
assert_type(ratelimit("key", 5, per=60), int)
task("a string")  # type: ignore[call-overload]


def higher(function: TaskFunction[[int], str]) -> str:
    return function(1)


higher(plain)  # type: ignore[arg-type]

# MRQ 0.9's calls.
assert_type(queue_job("t.T", {}), ObjectIdLike)
assert_type(queue_jobs("t.T", [{}], queue="q"), list[ObjectIdLike])
assert_type(queue_job("t.T", {}, key="x", key_ttl=60, delay=5), ObjectIdLike)
assert_type(jobs_matching(path="t.T", status=["failed", "abort"]).requeue("q", keep_retries=True), BulkResult)
assert_type(jobs_matching(status="queued").count(), int)
jobs_matching(nonsense=1)  # type: ignore[call-arg]
assert_type(get_job_result("x"), dict[str, Any])
assert_type(get_current_job(), Job | None)
assert_type(Job("x").fetch().data, dict[str, Any] | None)
assert_type(Job("x").cancel(), bool)
assert_type(Queue("q").size(), int)
assert_type(Queue.all(), dict[str, int])
assert_type(Old().run({}), int)
run_task(7, {})  # type: ignore[arg-type]
Queue(7)  # type: ignore[arg-type]
