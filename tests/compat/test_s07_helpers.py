"""Section 7: helpers, utils, the worker and other modules, base tasks."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from compat.kit import finished, free_port, in_status, in_task, token
from mrq.helpers import metric, ratelimit
from mrq.job import Job, queue_job, queue_jobs
from mrq.utils import (
    LazyObject,
    MongoJSONEncoder,
    MovingAverage,
    MovingETA,
    get_local_ip,
    group_iter,
    lazyproperty,
    load_class_by_path,
    memoize,
    memoize_single_argument,
    normalize_command,
    wait_for_net_service,
)

if TYPE_CHECKING:
    from compat.kit import CompatWorker, Site

ECHO = "compat.tasks.Echo"


# ---- helpers


def test_ratelimit_counts_down_within_a_window() -> None:
    key = token()
    _at_the_start_of_a_window(10)
    assert [ratelimit(key, 3, per=10) for _ in range(5)] == [3, 2, 1, 0, 0]
    assert ratelimit(token(), 3, per=10) == 3  # another key
    assert ratelimit(key, 3, per=1000) == 3  # another window


def test_ratelimit_starts_anew_with_the_next_window(site: Site) -> None:
    key = token()
    _at_the_start_of_a_window(1)
    assert [ratelimit(key, 1), ratelimit(key, 1, redis=site.redis)] == [1, 0]
    _at_the_start_of_a_window(1)
    assert ratelimit(key, 1) == 1


def _at_the_start_of_a_window(per: float) -> None:
    """Windows are cut from the clock, so a case that begins at the end of one would see two."""
    left = per - time.time() % per
    if per <= 1 or left < 2:
        time.sleep(left)


def test_metric_calls_the_hook(client: dict[str, Any]) -> None:
    name = token()
    metric(name)
    metric(name, incr=2)
    assert client["counted"][name] == 3


def test_metrics_from_a_task(worker: CompatWorker, queue: str, own: str) -> None:
    name = token()
    finished(queue_job("compat.tasks.Count", {"name": name, "queue": own}, queue=queue))
    counted = json.loads(finished(queue_job("compat.tasks.Counted", {}, queue=queue))["result"])
    assert counted[name] == 5
    assert counted[f"queues.{own}.enqueued"] == 1
    assert counted[f"queues.{queue}.dequeued"] == 2
    assert counted["jobs.status.success"] >= 1


# ---- utils


def test_wait_for_net_service() -> None:
    port = free_port()
    assert not wait_for_net_service("127.0.0.1", port, timeout=0.2, poll_interval=0.01)
    with socket.create_server(("127.0.0.1", port)):
        assert wait_for_net_service("127.0.0.1", port, timeout=5, poll_interval=0.01)


def test_load_class_by_path() -> None:
    from compat.tasks import Echo

    assert load_class_by_path(ECHO) is Echo


def test_group_iter() -> None:
    assert [list(group) for group in group_iter(range(5))] == [[0, 1], [2, 3], [4]]
    assert [list(group) for group in group_iter(range(4), n=3)] == [[0, 1, 2], [3]]


def test_mongo_json_encoder() -> None:
    job_id, moment = ObjectId(), datetime(2026, 1, 2, 3, 4, 5)
    text = json.dumps({"id": job_id, "at": moment, "text": "é".encode()}, cls=MongoJSONEncoder)
    assert json.loads(text) == {"id": str(job_id), "at": moment.isoformat(), "text": "é"}


def test_moving_eta() -> None:
    eta = MovingETA(2)
    assert eta.next(10, t=0) is None
    assert eta.next(6, t=1) == pytest.approx(1.5)
    assert eta.next(4, t=2) == pytest.approx(2)
    still = MovingETA(2)
    assert still.next(0, t=0) is None
    assert still.next(0, t=1) is None


def test_moving_average() -> None:
    average = MovingAverage(2)
    assert [average.next(value) for value in (2, 4, 6)] == [2, 3, 5]


def test_small_tools() -> None:
    calls: list[Any] = []

    @memoize
    def twice(n: int) -> int:
        calls.append(n)
        return n * 2

    @memoize_single_argument
    def thrice(n: int) -> int:
        calls.append(n)
        return n * 3

    assert [twice(1), twice(1), thrice(2), thrice(2)] == [2, 2, 6, 6]
    assert calls == [1, 2]

    class Lazy:
        @lazyproperty
        def value(self) -> object:
            return object()

    lazy = Lazy()
    assert lazy.value is lazy.value
    assert LazyObject is not None
    assert get_local_ip().count(".") == 3 or ":" in get_local_ip()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("mrq-worker a b", ("MRQ_WORKER_GROUP=g mrq-worker a b", 1)),
        ("mrq-worker --processes 3 a", ("MRQ_WORKER_GROUP=g mrq-worker a", 3)),
        ("mrq-worker a --processes=2", ("MRQ_WORKER_GROUP=g mrq-worker a", 2)),
    ],
)
def test_normalize_command(command: str, expected: tuple[str, int]) -> None:
    text, count = normalize_command(command, "g")
    assert (" ".join(text.split()), count) == expected


def test_names_that_users_configs_hold() -> None:
    from mrq.logger import MongoHandler
    from mrq.version import VERSION
    from mrq.worker import Worker

    assert isinstance(VERSION, str)
    assert Worker.job_class is not None
    assert MongoHandler(mongodb_logs_size=1024 * 1024) is not None
    for path in (
        "mrq.basetasks.cleaning.RequeueInterruptedJobs",
        "mrq.basetasks.cleaning.RequeueRetryJobs",
        "mrq.basetasks.cleaning.RequeueStartedJobs",
    ):
        assert load_class_by_path(path).max_concurrency == 1
    assert load_class_by_path("mrq.basetasks.utils.JobAction")
    assert load_class_by_path("mrq.basetasks.indexes.EnsureIndexes")


# ---- base tasks


def run_base_task(path: str, params: Any, queue: str) -> Any:
    """What a base task returned, run as a job."""
    document = finished(queue_job(f"mrq.basetasks.{path}", params, queue=queue))
    assert document["status"] == "success", document.get("traceback")
    return document.get("result")


def put(site: Site, own: str, status: str, **fields: Any) -> ObjectId:
    """A job in a status, written as MRQ 0.9 would."""
    document = {
        "_id": ObjectId(),
        "path": ECHO,
        "params": {},
        "queue": own,
        "datequeued": datetime.now(UTC).replace(tzinfo=None),
        "status": status,
        **fields,
    }
    site.jobs.insert_one(document)
    job_id: ObjectId = document["_id"]
    return job_id


def test_requeue_interrupted_jobs(site: Site, worker: CompatWorker, queue: str, own: str) -> None:
    job_id = put(site, own, "interrupt", retry_count=2)
    assert run_base_task("cleaning.RequeueInterruptedJobs", {}, queue)["requeued"] >= 1
    assert in_status(job_id, "queued")["retry_count"] == 2


def test_requeue_retry_jobs_takes_those_that_are_due(site: Site, worker: CompatWorker, queue: str, own: str) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    later = put(site, own, "retry", dateretry=now + timedelta(hours=1), retry_count=1)
    due = put(site, own, "retry", dateretry=now - timedelta(seconds=1), retry_count=1)
    assert set(run_base_task("cleaning.RequeueRetryJobs", {}, queue)) == {"requeued", "cancelled"}
    assert in_status(due, "queued")["retry_count"] == 1
    assert in_status(later, "retry")


def test_requeue_started_jobs_by_age(site: Site, worker: CompatWorker, queue: str, own: str) -> None:
    """Jobs of a worker that lives and is only slow: those past their timeout and more."""
    now = datetime.now(UTC).replace(tzinfo=None)
    mine = worker.document["_id"]
    flag = token()
    slow = queue_job("compat.tasks.WaitForFlag", {"flag": flag}, queue=queue)
    in_task(slow)
    site.jobs.update_one({"_id": slow}, {"$set": {"datestarted": now - timedelta(seconds=4000)}})
    answer = run_base_task("cleaning.RequeueStartedJobs", {"timeout": 500}, queue)
    assert answer["started"] >= 2  # itself included
    assert in_status(slow, "started")["worker"] == mine
    assert run_base_task("cleaning.RequeueStartedJobs", {"timeout": 100}, queue)["requeued"] >= 1
    site.flag(flag)
    assert in_status(slow, "success")  # run once more, from the queue


def test_ensure_indexes(site: Site, worker: CompatWorker, queue: str) -> None:
    assert run_base_task("indexes.EnsureIndexes", {}, queue) is None
    keys = [list(index["key"]) for index in site.jobs.list_indexes()]
    assert len(keys) > 1


def test_job_action_cancels_by_filter(site: Site, worker: CompatWorker, queue: str, own: str) -> None:
    one, two, other = queue_jobs(ECHO, [{"a": 1, "b": 2}, {"a": 1}, {"a": 3}], queue=own)
    params = {"action": "cancel", "queue": own, "status": "queued", "params": json.dumps({"a": 1})}
    answer = run_base_task("utils.JobAction", params, queue)
    assert answer["cancelled"] == 2
    for job_id in (one, two):
        document = in_status(job_id, "cancel")
        assert document["dateexpires"] > document["dateupdated"]
    assert in_status(other, "queued")


def test_job_action_requeues_elsewhere_and_resets_the_count(
    site: Site, worker: CompatWorker, queue: str, own: str
) -> None:
    job_id = put(site, own, "maxretries", retry_count=3)
    params = {"action": "requeue", "queue": own, "status": "maxretries", "destination_queue": f"{own}-2"}
    assert run_base_task("utils.JobAction", params, queue)["requeued"] == 1
    document = in_status(job_id, "queued")
    assert (document["queue"], document["retry_count"]) == (f"{own}-2", 0)


def test_job_action_requeue_retry_keeps_the_count(site: Site, worker: CompatWorker, queue: str, own: str) -> None:
    job_id = put(site, own, "failed", retry_count=3)
    params = {"action": "requeue_retry", "id": job_id}
    assert run_base_task("utils.JobAction", params, queue)["requeued"] == 1
    assert in_status(job_id, "queued")["retry_count"] == 3


def test_job_action_filters(site: Site, worker: CompatWorker, queue: str, own: str) -> None:
    """Lists, a prefix of queues, an exception's type, a path; without a status, all that is not queued."""
    failed = put(site, f"{own}/a", "failed", exceptiontype="ValueError")
    other = put(site, f"{own}/b", "failed", exceptiontype="KeyError")
    done = put(site, f"{own}/b", "success")
    params: dict[str, Any] = {"action": "requeue", "queue": f"{own}/", "exceptiontype": ["ValueError", "OSError"]}
    assert run_base_task("utils.JobAction", params, queue)["requeued"] == 1
    assert in_status(failed, "queued")
    params = {"action": "requeue", "queue": [f"{own}/a", f"{own}/b"], "path": ECHO}
    assert run_base_task("utils.JobAction", params, queue)["requeued"] == 2
    assert in_status(other, "queued")
    assert in_status(done, "queued")


def test_job_action_leaves_jobs_that_came_after_it(site: Site, worker: CompatWorker, queue: str, own: str) -> None:
    from mrq.queue import Queue

    Queue(queue).pause()
    old = queue_job(ECHO, {}, queue=own)
    action = queue_job("mrq.basetasks.utils.JobAction", {"action": "cancel", "queue": own, "status": "queued"}, queue)
    time.sleep(1.1)  # ids count seconds
    new = queue_job(ECHO, {}, queue=own)
    Queue(queue).resume()
    assert finished(action)["result"]["cancelled"] == 1
    assert in_status(old, "cancel")
    assert in_status(new, "queued")


def test_an_empty_job_action(worker: CompatWorker, queue: str) -> None:
    answer = run_base_task("utils.JobAction", {}, queue)
    assert answer in ({"requeued": 0, "cancelled": 0}, None, {})


# ---- the worker's class


def test_a_worker_class_of_ones_own(site: Site, own: str) -> None:
    with site.worker(own, flags=("--worker_class", "compat.own_worker.OwnWorker")) as worker:
        job_id = queue_job("compat.tasks.Note", {"word": own, "value": 1}, queue=own)
        finished(job_id)
        worker.wait_idle()
    assert site.side_effects(f"performed {own}") == [str(job_id)]


def test_a_worker_in_ones_own_process(site: Site, own: str) -> None:
    """The documented use without a command: work_init and work_loop."""
    word = token()
    ids = queue_jobs("compat.tasks.Note", [{"word": word}] * 3, queue=own)
    script = (
        "from mrq.context import setup_context\n"
        f"setup_context(config_type='worker', file_path='{'compat/site_config.py'}', extra={{'queues': ['{own}']}})\n"
        "from mrq.worker import Worker\n"
        "worker = Worker()\n"
        "worker.work_init()\n"
        "worker.work_loop(max_jobs=2)\n"
        "print('done', worker.done_jobs)\n"
    )
    done = site.run("python", "-c", script)
    assert "done 2" in done.stdout, done.stderr
    assert [Job(job_id).fetch().data["status"] for job_id in ids].count("success") == 2
