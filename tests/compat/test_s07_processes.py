"""Sections 1, 5, 7, 8, 10: `--processes`, `mrq-agent`, worker groups, and the classes behind them."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from compat.kit import COMMANDS, TESTS, finished, token
from mrq.agent import Agent
from mrq.context import run_task
from mrq.job import queue_job
from mrq.processes import ProcessPool
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil

    from compat.kit import CompatWorker, Site

SLEEP = "/bin/sleep 600"
PATIENCE = 60.0


# ---- --processes


def children(worker: CompatWorker) -> list[psutil.Process]:
    return [process for process in worker.processes()[1:] if process.is_running()]


def test_the_parent_has_as_many_children_as_it_was_told_and_replaces_those_that_die(site: Site, own: str) -> None:
    with site.worker(own, flags=("--processes", "2"), admin=False) as worker:
        wait_until(lambda: len(children(worker)) == 2, PATIENCE)
        first = children(worker)
        os.kill(first[0].pid, signal.SIGKILL)
        wait_until(lambda: len(children(worker)) == 2 and first[0] not in children(worker), PATIENCE)
        job_id = queue_job("compat.tasks.Environment", {}, queue=own)
        assert finished(job_id, PATIENCE)["result"]["MRQ_IS_SUBPROCESS"] == "1"
        assert worker.stop() == 0
        assert worker.processes() == []


def test_a_child_that_used_too_much_memory_is_replaced(site: Site, own: str) -> None:
    flags = ("--processes", "1", "--max_memory", "1")  # each takes a job, whatever it needs
    with site.worker(own, flags=flags, admin=False) as worker:
        pid = finished(queue_job("compat.tasks.Environment", {}, queue=own), PATIENCE)["result"]["pid"]
        wait_until(lambda: pid not in {child.pid for child in children(worker)}, PATIENCE, what="the first one is gone")
        again = finished(queue_job("compat.tasks.Environment", {}, queue=own), PATIENCE)["result"]["pid"]
        assert again != pid


def test_several_processes_have_no_admin_port(site: Site, own: str) -> None:
    with site.worker(own, flags=("--processes", "2", "--admin_port", "1"), admin=False) as worker:
        wait_until(lambda: len(children(worker)) == 2, PATIENCE)
        assert "admin server" not in worker.log


# ---- classes


@pytest.mark.parametrize(
    "path", ["mrq.processes.Process", "mrq.processes.ProcessPool", "mrq.supervisor.Supervisor", "mrq.agent.Agent"]
)
def test_the_names_are_where_they_were(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), name), type)


def test_a_pool_of_processes() -> None:
    pool = ProcessPool(watch_interval=0.1, extra_env={"A": "1"})
    pool.start()
    pool.set_commands([SLEEP, "/bin/sleep 601", SLEEP])
    assert sorted(process["command"] for process in pool.processes) == [SLEEP, SLEEP, "/bin/sleep 601"]
    assert all(process["pid"] == process["psutil"].pid == process["subprocess"].pid for process in pool.processes)
    pool.set_commands([SLEEP], timeout=1)
    wait_until(lambda: [process["command"] for process in pool.processes] == [SLEEP], PATIENCE)
    pool.watch_processes()
    pool.stop(timeout=1)
    pool.wait()
    assert pool.processes == []


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_a_pool_ends_in_other_ways(end: str) -> None:
    pool = ProcessPool()
    pool.start()
    pool.set_commands([SLEEP])
    getattr(pool, end)()
    pool.wait()
    assert pool.processes == []


# ---- agents and groups


@pytest.fixture
def group(site: Site) -> Iterator[str]:
    """A worker group of the case's own; nothing is left of it."""
    name = f"group-{token()}"
    yield name
    site.database.mrq_workergroups.delete_many({})
    site.database.mrq_agents.delete_many({})


def agent_document(site: Site, group: str, **more: Any) -> ObjectId:
    document = {"_id": ObjectId(), "worker_group": group, "status": "started", "total_cpu": 1024, "total_memory": 500}
    site.database.mrq_agents.insert_one({**document, **more})
    return document["_id"]  # type: ignore[return-value]


def desired(site: Site, agent: ObjectId) -> Any:
    return site.database.mrq_agents.find_one({"_id": agent})["desired_workers"]  # type: ignore[index]


@pytest.mark.parametrize("way", ["the task", "an agent"])
def test_what_agents_are_to_run_is_written_in_these_words(site: Site, group: str, way: str) -> None:
    commands = ["mrq-worker a --processes 2", "A=1 mrq-worker b --processes=1 --greenlets 5", "mrq-worker c"]
    site.database.mrq_workergroups.insert_one({"_id": group, "commands": commands})
    agent = agent_document(site, group)
    if way == "the task":
        assert run_task("mrq.basetasks.orchestrator.Orchestrate", {"concurrency": 5}) is None
    else:
        Agent(worker_group=group).orchestrate()
    assert desired(site, agent) == [
        f"MRQ_WORKER_GROUP={group} mrq-worker a",
        f"MRQ_WORKER_GROUP={group} mrq-worker a",
        f"MRQ_WORKER_GROUP={group} A=1 mrq-worker b --greenlets 5",
        f"MRQ_WORKER_GROUP={group} mrq-worker c",
    ]


def test_agents_of_a_group_share_its_workers(site: Site, group: str) -> None:
    site.database.mrq_workergroups.insert_one({"_id": group, "commands": ["mrq-worker a --processes 4"]})
    one, two = agent_document(site, group), agent_document(site, group, desired_workers=[])
    agent_document(site, group, status="stop")
    Agent(worker_group=group).orchestrate()
    assert desired(site, one) == desired(site, two) == [f"MRQ_WORKER_GROUP={group} mrq-worker a"] * 2


def test_an_agent_in_this_process(site: Site, group: str) -> None:
    agent = Agent(worker_group=group)
    agent.manage()
    (document,) = site.database.mrq_agents.find({"worker_group": group})
    assert (document["_id"], document["status"], document["current_workers"]) == (agent.id, "started", [])
    site.database.mrq_agents.update_one({"_id": agent.id}, {"$set": {"desired_workers": [SLEEP]}})
    agent.manage()
    assert [process["command"] for process in agent.pool.processes] == [SLEEP]
    agent.pool.kill()
    assert agent.pool.wait(PATIENCE)


@pytest.mark.parametrize("command", [[str(COMMANDS / "mrq-agent")], [sys.executable, "mrq/bin/mrq_agent.py"]])
def test_the_command(site: Site, group: str, command: list[str], tmp_path: Any) -> None:
    import mrq

    command = [word.replace("mrq/bin", f"{mrq.__path__[0]}/bin") for word in command]
    flags = ("--worker_group", group, "--total_memory", "500", "--total_cpu", "500", "--report_interval", "0.2",
             "--orchestrate_interval", "0.5")  # fmt: skip
    site.database.mrq_workergroups.insert_one({"_id": group, "commands": ["/bin/sleep 600 --processes 2"]})
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, *flags], env=site.environment(), cwd=TESTS, stderr=log)
    try:
        wanted = [f"MRQ_WORKER_GROUP={group} {SLEEP}"] * 2

        def runs() -> Any:
            document = site.database.mrq_agents.find_one({"worker_group": group})
            return document if document and document["current_workers"] == wanted else None

        document = wait_until(runs, PATIENCE, what="both run")
        assert (document["total_cpu"], document["total_memory"], document["desired_workers"]) == (500, 500, wanted)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert site.database.mrq_agents.find_one({"worker_group": group})["status"] == "stop"  # type: ignore[index]
    finally:
        process.kill()
        process.wait()
