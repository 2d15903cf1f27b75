"""Agents and worker groups, with real processes: groups that change, agents that end or are killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from support import faulttasks
from support.agents import PATIENCE, AgentProcess
from support.waiting import wait_until
from support.workers import QUICK_LEASE, environment_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.faultsite import FaultSite

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

GROUP = "xx"
SLEEP = "/bin/sleep 600"
WORKER = f"{sys.executable} -m mrq_container.command default {' '.join(QUICK_LEASE)} --greenlets 2 --max_latency 0.2"


@pytest.fixture
def start(site: FaultSite) -> Iterator[Callable[..., AgentProcess]]:
    """Start an agent of GROUP."""
    agents: list[AgentProcess] = []
    environment = environment_for(site.mongodb_url, site.redis_url, site.prefix, site._ledger_path)

    def started(*arguments: str, group: str = GROUP, **more: str) -> AgentProcess:
        agents.append(AgentProcess(group, *arguments, folder=site.folder, environment={**environment, **more}))
        return agents[-1]

    yield started
    for agent in agents:
        agent.close()
        print(f"---- log of an agent\n{agent.log}")


def runs(agent: AgentProcess, *words: str) -> list[psutil.Process]:
    """Its processes with these words in their command line, those aside that are about to become something else."""
    found = []
    for process in agent.processes():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if process.pid != agent.pid and all(word in line for word in words) and "lifeline" not in line:
                found.append(process)
    return found


def wait_for_sleepers(counts: dict[AgentProcess, int], seconds: int = 600) -> None:
    """Wait until each agent runs so many of `sleep`."""
    wait_until(
        lambda: {agent: len(runs(agent, f"sleep {seconds}")) for agent in counts} == counts,
        PATIENCE,
        what=f"{list(counts.values())} processes sleep {seconds} s",
    )


def documents(site: FaultSite) -> list[dict[str, Any]]:
    return site.app.agents.page(0, 10)


def test_an_agent_reports_and_runs_what_its_group_says_while_that_changes(
    site: FaultSite, start: Callable[..., AgentProcess]
) -> None:
    agent = start("--total_memory", "500", "--total_cpu", "700")
    site.app.agents.put_group("other", {"commands": [SLEEP]})
    site.app.agents.put_group(GROUP, {"commands": [f"A=1 {SLEEP} --processes 2", "/bin/sleep 601"]})
    wait_for_sleepers({agent: 2})
    wait_for_sleepers({agent: 1}, 601)
    environment = runs(agent, "sleep 600")[0].environ()
    expected = {"A": "1", "MRQ_AGENT_ID": agent.id, "MRQ_WORKER_GROUP": GROUP, "MRQ_IS_SUBPROCESS": "1"}
    assert {**expected, "MRQ_PROCESSES": "0"}.items() <= environment.items()
    desired = [f"MRQ_WORKER_GROUP=xx A=1 {SLEEP}"] * 2 + ["MRQ_WORKER_GROUP=xx /bin/sleep 601"]
    wait_until(lambda: Counter(documents(site)[0]["current_workers"]) == Counter(desired), PATIENCE)
    (document,) = documents(site)
    assert document["desired_workers"] == desired
    says = {"_id", "worker_group", "status", "current_workers", "desired_workers", "total_cpu", "total_memory",
            "dateorchestrated", "datestarted", "datereported", "dateexpires"}  # fmt: skip
    assert document.keys() == says
    assert (document["total_memory"], document["total_cpu"], document["status"]) == (500, 700, "started")

    stays = {process.pid for process in runs(agent, "sleep 600")}
    site.app.agents.put_group(GROUP, {"commands": [f"A=1 {SLEEP} --processes=3"]})
    wait_for_sleepers({agent: 0}, 601)
    wait_for_sleepers({agent: 3})
    assert stays <= {process.pid for process in runs(agent, "sleep 600")}
    site.app.agents.put_group(GROUP, {"commands": ["/bin/sleep 'x"]})
    wait_until(lambda: "its agents go on as they are" in agent.log, PATIENCE)
    assert len(runs(agent, "sleep 600")) == 3
    site.app.agents.put_group(GROUP, {"commands": []})
    wait_for_sleepers({agent: 0})

    agent.signal(signal.SIGINT)
    assert agent.wait() == 0
    (document,) = documents(site)
    assert (document["status"], document["current_workers"]) == ("stop", [])


def test_what_does_not_finish_within_the_termination_time_out_is_ended(
    site: FaultSite, start: Callable[..., AgentProcess]
) -> None:
    stubborn = "/bin/sh -c 'trap \"\" INT; touch up; while :; do sleep 0.2; done'"
    site.app.agents.put_group(GROUP, {"commands": [stubborn], "process_termination_timeout": 0.5})
    agent = start()
    wait_until((site.folder / "up").exists, PATIENCE)
    site.app.agents.put_group(GROUP, {"commands": [], "process_termination_timeout": 0.5})
    wait_until(lambda: not runs(agent, "trap"), PATIENCE, what="it was ended")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_two_agents_share_a_group_and_one_takes_over_from_the_other(
    site: FaultSite, start: Callable[..., AgentProcess], end: int
) -> None:
    site.app.agents.put_group(GROUP, {"commands": [f"{SLEEP} --processes 4"]})
    one = start()
    wait_for_sleepers({one: 4})
    two = start()
    wait_for_sleepers({one: 2, two: 2})
    one.signal(end)
    one.wait()
    wait_for_sleepers({one: 0, two: 4})
    assert one.processes() == []


def test_an_agent_that_is_killed_takes_its_workers_along_and_their_jobs_are_done_by_others(
    site: FaultSite, start: Callable[..., AgentProcess]
) -> None:
    site.app.agents.put_group(GROUP, {"commands": [f"{WORKER} --processes 2"]})
    one, two = start(), start()

    def workers() -> set[tuple[str, str]]:
        found = site.app.workers.alive(10)
        return {(worker["config"]["agent_id"], worker["config"]["worker_group"]) for worker in found}

    wait_until(lambda: workers() == {(one.id, GROUP), (two.id, GROUP)}, PATIENCE, what="each has a worker")
    for number in range(4):
        faulttasks.endless_at_first.queue(f"job{number}")
    site.wait_for_runs(4, PATIENCE)
    (child,) = runs(one, "mrq_container.child")
    site.ledger.note_death(child.pid)
    os.kill(one.pid, signal.SIGKILL)
    wait_until(lambda: not one.processes(), PATIENCE, what="nothing is left of it")
    wait_until(lambda: site.statuses()["success"] == 2, PATIENCE, what="what it had begun is done")
    wait_until(lambda: len(runs(two, "mrq_container.child")) == 2, PATIENCE, what="the other one has both workers")
    wait_until(lambda: workers() == {(two.id, GROUP)}, PATIENCE)


def test_the_autoscaling_task_may_change_the_group(site: FaultSite, start: Callable[..., AgentProcess]) -> None:
    site.app.agents.put_group(GROUP, {"commands": []})
    agent = start("--autoscaling_taskpath", "support.agenttasks.Grow", MRQ_TEST_GROW=SLEEP)
    wait_for_sleepers({agent: 3})


def test_an_agent_goes_on_while_mongodb_is_away(
    fragile_site: FaultSite, start: Callable[..., AgentProcess], servers_to_kill: Any
) -> None:
    environment = environment_for(
        fragile_site.mongodb_url, fragile_site.redis_url, fragile_site.prefix, fragile_site._ledger_path
    )
    fragile_site.app.agents.put_group(GROUP, {"commands": [f"{SLEEP} --processes 2"]})
    agent = start(**environment, MRQ_SERVER_TIMEOUT="1")
    wait_for_sleepers({agent: 2})
    servers_to_kill.mongo.kill()
    wait_until(lambda: "goes on with what it runs" in agent.log, PATIENCE)
    os.kill(runs(agent, "sleep")[0].pid, signal.SIGKILL)
    wait_for_sleepers({agent: 2})
    servers_to_kill.mongo.start()
    fragile_site.app.agents.put_group(GROUP, {"commands": [SLEEP]})
    wait_for_sleepers({agent: 1})


def test_without_mongodb_an_agent_says_so_in_one_line_and_ends(start: Callable[..., AgentProcess]) -> None:
    agent = start(MRQ_MONGODB_JOBS="mongodb://127.0.0.1:1/mrq", MRQ_SERVER_TIMEOUT="1")
    assert agent.wait() == 1
    (line,) = agent.log.splitlines()
    assert re.search(r"the agent can't start: .*127.0.0.1:1", line)
    bad = start("--orchestrate_interval", "soon")
    assert bad.wait() == 2


def test_a_group_is_sized_by_the_jobs_that_wait_and_all_of_them_are_done(
    site: FaultSite, start: Callable[..., AgentProcess]
) -> None:
    for number in range(60):
        faulttasks.work.queue(f"job{number}", 0.2)
    sizing = {"queues": ["default"], "target": {"backlog_per_worker": 20}, "max_workers": 2, "scale_in_patience": 0}
    site.app.agents.put_group(GROUP, {"commands": [WORKER], "sizing": sizing})
    agent = start(MRQ_STATS="false")  # the arrivals of the last minutes would keep a worker for as long
    wait_until(lambda: len(runs(agent, "mrq_container.child")) == 2, PATIENCE, what="two workers")
    site.wait_for_statuses({"success": 60})
    wait_until(lambda: len(runs(agent, "mrq_container.child")) == 0, PATIENCE, what="no worker is needed any more")
    changes = [change.containers for change in site.app.fleets.changes(GROUP)]
    assert (changes[0], max(changes)) == (0, 2)
