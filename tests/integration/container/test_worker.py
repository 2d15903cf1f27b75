"""mrq.worker.Worker, as a process of its own, as a base of classes and in a loop of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mrq.job import queue_job, queue_jobs
from mrq.queue import Queue
from support.ecsagent import EcsAgent
from support.waiting import wait_until
from support.workers import TESTS

if TYPE_CHECKING:
    from integration.container.conftest import Site

SAY, NAP, WHO, FINDS = (f"support.workertasks.{name}" for name in ("Say", "Nap", "WhoAmI", "Finds"))


def test_a_job_finds_its_worker(site: Site) -> None:
    worker = site.worker("other_reverse", greenlets=3)
    result = site.wait_for_end(queue_job(WHO, {}))["result"]
    assert result.pop("job")
    status = result.pop("status")
    assert result == {
        "worker": "Worker",
        "id": worker.identities[0],
        "pool": [3, 1, 2],
        "queues": ["default", "other"],
        "config": 3,
    }
    assert status in ("started", "spawn", "wait")  # it may be the very first job


def test_in_ecs_a_long_job_keeps_a_scale_in_from_its_task(site: Site) -> None:
    with EcsAgent() as agent:
        site.worker("--ecs_protect_after", "1", ECS_AGENT_URI=agent.uri)
        queue_job(NAP, {"seconds": 60})
        wait_until(lambda: bool(agent.asked), 30, what="ECS is asked for protection")
    assert agent.asked[0][0] == "/api/task/task-protection/v1/state"


def test_a_class_of_ones_own_is_around_each_job(site: Site) -> None:
    site.worker("--worker_class", "support.workertasks.MyWorker", greenlets=1)
    good, bad = queue_job(SAY, {"n": 1}), queue_job(SAY, {"n": "bad"})
    who = queue_job(WHO, {})
    assert site.wait_for_end(good)["result"] == 1
    failed = site.wait_for_end(bad, "failed")
    assert failed["exceptiontype"] == "ValueError"
    assert "raised in perform_job" in failed["traceback"]
    assert site.wait_for_end(who)["result"]["worker"] == "MyWorker"
    notes = (site.folder / "notes").read_text().splitlines()
    assert notes[:4] == ["before MyJob 1", "after 1", "before MyJob bad", "after bad"]


def test_around_its_run_a_job_shows_how_that_ended(site: Site) -> None:
    site.worker("--worker_class", "support.workertasks.MyWorker", greenlets=1)
    about: dict[str, Any] = {"note": 1}
    assert site.wait_for_end(queue_job(FINDS, about))["result"] == [True, "MyJob"]
    failed = site.wait_for_end(queue_job(FINDS, {**about, "raises": 1}), "failed")
    site.wait_for_end(queue_job(FINDS, {**about, "retries": 1}), "retry")
    notes = (site.folder / "notes").read_text().splitlines()
    ends = [
        ["success", [True, "MyJob"], None, "default"],
        ["failed", None, "KeyError", "default"],
        ["retry", None, "RetryInterrupt", "later"],
    ]
    assert [line for line in notes if line.startswith("worker: ")] == [f"worker: {end}" for end in ends]
    assert [line for line in notes if line.startswith("job: ")] == [f"job: {end}" for end in ends]
    assert failed["traceback"].splitlines()[1].endswith("in run"), "from the task's own frame on"


def test_jobs_that_don_t_run_or_hide_their_end_get_one_all_the_same(site: Site) -> None:
    site.worker("--worker_class", "support.workertasks.CarelessWorker", greenlets=1)
    lazy = site.wait_for_end(queue_job(SAY, {"n": 1}), "failed")
    assert "perform() did not call that of mrq.job.Job" in lazy["traceback"]
    hidden = site.wait_for_end(queue_job(FINDS, {"hides": 1, "raises": 1}), "failed")
    assert hidden["exceptiontype"] == "KeyError"


def test_a_class_that_runs_no_jobs_fails_them(site: Site) -> None:
    site.worker("--worker_class", "support.workertasks.Lazy")
    assert "was not run" in site.wait_for_end(queue_job(SAY, {"n": 1}), "failed")["traceback"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--worker_class", "support.workertasks.Nothing"), "worker_class 'support.workertasks.Nothing': module"),
        (("--worker_class", "support.workertasks.Say"), "is not derived from mrq.worker.Worker"),
        (("--dequeue_strategy", "no.such.Strategy"), "dequeue_strategy 'no.such.Strategy': there is no module 'no'"),
        (("--log_handler", "no.such.Handler"), "log_handler 'no.such.Handler': there is no module 'no'"),
        (("--worker_id", "x"), "worker_id 'x' is no id"),
    ],
)
def test_what_can_t_be_had_is_explained(site: Site, arguments: tuple[str, ...], what: str) -> None:
    worker = site.start_worker(*arguments)
    assert worker.wait() == 2
    assert what in worker.log
    assert "Traceback" not in worker.log


def test_a_limit_below_its_own_size_lets_each_worker_take_a_job(site: Site) -> None:
    worker = site.worker("--max_memory", "10", greenlets=1)
    worker.wait_for_log("has taken no job and is over its limit")
    first = site.wait_for_end(queue_job(NAP, {"seconds": 0}))["result"]
    worker.wait_ready(times=2)
    second = site.wait_for_end(queue_job(NAP, {"seconds": 0}))["result"]
    assert first != second, "processes"
    assert worker.running
    assert "died" not in worker.log


def test_a_worker_has_the_id_that_it_was_given_and_its_successor_another(site: Site) -> None:
    wanted = str(site.app.jobs.new_id())
    worker = site.worker("--worker_id", wanted)
    assert worker.identities == [wanted]
    worker.kill(guard=False)
    worker.wait_ready(times=2)
    assert worker.identities[1] != wanted
    worker.wait_for_log(f"the id {wanted} is or was another worker's")
    site.wait_for_end(queue_job(NAP, {"seconds": 0}))


def test_pauses_and_lists_of_tasks(site: Site) -> None:
    site.worker("high", "--paused_queues_refresh_interval", "0.1", "--task_blacklist", f"{SAY},x.Y", greenlets=2)
    Queue("high").pause()
    wait_until(lambda: Queue("high").is_paused())
    site.wait_for_end(queue_job(NAP, {"seconds": 0.3}))  # meanwhile the worker has noticed
    held, listed = queue_job(NAP, {"seconds": 0}, queue="high"), queue_job(SAY, {})
    site.wait_for_end(queue_job(NAP, {"seconds": 0.5}))
    assert site.document(held)["status"] == "queued"
    Queue("high").resume()
    site.wait_for_end(held)
    assert site.document(listed)["status"] == "queued"


LOOP = """
from gevent import monkey; monkey.patch_all()
from mrq.context import setup_context
setup_context(config_type="worker", extra={"greenlets": 2})
from mrq.worker import Worker
worker = Worker()
print(worker.status, worker.name, worker.done_jobs)
worker.work_init()
worker.work_loop(max_jobs=2)
print(worker.done_jobs, len(worker.gevent_pool))
worker.work_loop(max_time=0.1)
print(sorted(worker.get_paused_queues()), [q.id for q in worker.queues])
print(worker.work_once(), worker.work_wait())
worker.report_worker()
worker.shutdown_graceful()
worker.work_loop()
print(worker.work_stop())
"""


def test_a_loop_of_ones_own(site: Site, mongodb_url: str, redis_url: str, redis_prefix: str) -> None:
    jobs = queue_jobs(NAP, [{"seconds": 0.1}] * 3)
    environment = {
        "MRQ_MONGODB_JOBS": mongodb_url, "MRQ_REDIS": redis_url, "MRQ_REDIS_PREFIX": redis_prefix,
        "MRQ_NAME": "mine", "MRQ_LOG_LEVEL": "WARNING", "PYTHONPATH": str(TESTS), "PATH": os.environ["PATH"],
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", LOOP], env=environment, cwd=site.folder, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["init mine 0", "2 0", "[] ['default']", "False None", "0"]
    assert [site.document(job)["status"] for job in jobs] == ["success"] * 3
    (document,) = site.database.mrq_workers.find()
    assert (document["status"], document["done_jobs"], document["name"]) == ("stop", 3, "mine")


def test_names_that_are_not_there() -> None:
    import mrq.worker

    with pytest.raises(ImportError, match=r"mrq\.scheduler is not in this version"):
        __import__("mrq.scheduler")
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        mrq.worker.Nothing  # noqa: B018
    assert Path(mrq.worker.__file__).name == "worker.py"


@pytest.mark.parametrize(("asked", "noted"), [({}, False), ({"GEVENT_TRACK_GREENLET_TREE": "1"}, True)])
def test_where_greenlets_were_spawned_is_noted_only_if_asked_for(
    site: Site, asked: dict[str, str], noted: bool
) -> None:
    """It costs a quarter of each spawn."""
    site.worker(**asked)
    assert site.wait_for_end(queue_job("support.workertasks.TracksGreenlets", {}))["result"] is noted
