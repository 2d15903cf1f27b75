"""What an agent does beside waiting for signals: on stores in memory, with real processes."""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from mrq.agent import Agent
from mrq.task import Task
from mrq.testing import memory_app
from mrq_container import agent as module
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mrq.testing import MemoryApp

SLEEP = "/bin/sleep 600"
PATIENCE = 40.0


class Hook(Task):
    """The autoscaling task: does what a test says."""

    runs = 0
    act: Callable[[], object] = staticmethod(lambda: None)

    def run(self, params: dict[str, Any]) -> None:
        type(self).runs += 1
        type(self).act()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> type[Hook]:
    monkeypatch.setattr(Hook, "runs", 0)
    return Hook


@pytest.fixture
def app() -> Iterator[MemoryApp]:
    path = f"{__name__}.Hook"
    with memory_app(report_interval=0.05, orchestrate_interval=0.05, autoscaling_taskpath=path) as app:
        app.agents.put_group("g", {"commands": [SLEEP]})
        yield app


@pytest.fixture
def agent(app: MemoryApp, hook: type[Hook]) -> Iterator[Agent]:
    agent = Agent("g")
    yield agent
    agent.pool.kill()
    agent.shutdown_now()
    assert agent.pool.wait(PATIENCE)
    for thread in threading.enumerate():
        if thread.name.startswith(("mrq-agent", "mrq-autoscaling")):
            thread.join(PATIENCE)
            assert not thread.is_alive(), thread.name


def reports(app: MemoryApp, agent: Agent) -> Callable[[], bool]:
    """Whether it has reported since now."""
    before = app.agents.fetch(agent.id)
    assert before is not None
    return lambda: (app.agents.fetch(agent.id) or before)["datereported"] > before["datereported"]


def pids(agent: Agent) -> list[int]:
    return [process["pid"] for process in agent.pool.processes]


def test_an_agent_of_a_group_that_is_not_there_says_so_once(app: MemoryApp, caplog: pytest.LogCaptureFixture) -> None:
    mistyped = Agent("gg")
    for _ in range(2):
        mistyped.manage()
    (line,) = (record.getMessage() for record in caplog.records if "no worker group" in record.getMessage())
    assert line == "there is no worker group 'gg' (groups: 'g'); this agent waits for it"


def test_a_hook_that_exits_costs_nothing_but_a_line(
    app: MemoryApp, agent: Agent, hook: type[Hook], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hook, "act", staticmethod(lambda: hook.runs < 2 or sys.exit("no more")))
    agent.begin()
    wait_until(lambda: hook.runs > 3 and pids(agent), PATIENCE, what="it has exited more than once")
    (pid,) = pids(agent)
    later = hook.runs
    wait_until(lambda: hook.runs > later, PATIENCE, what="it is run again")
    wait_until(reports(app, agent), PATIENCE, what="the agent reports")
    assert pids(agent) == [pid], "its workers have not felt it"
    assert "raised; the worker groups are spread as they are" in caplog.text


def test_a_hook_that_does_not_end_holds_up_neither_report_nor_spreading(
    app: MemoryApp, agent: Agent, hook: type[Hook], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    may_end = threading.Event()
    monkeypatch.setattr(module, "HOOK_PATIENCE", 0.05)
    monkeypatch.setattr(hook, "act", staticmethod(may_end.wait))
    agent.begin()
    wait_until(lambda: pids(agent), PATIENCE, what="the group was spread all the same")
    for _ in range(2):
        wait_until(reports(app, agent), PATIENCE, what="the agent reports")
    assert hook.runs == 1, "not a second one beside it"
    assert "still runs; the worker groups are spread without it" in caplog.text
    may_end.set()
    wait_until(lambda: hook.runs > 1, PATIENCE, what="it is run again")


def test_the_report_does_not_wait_for_the_spreading(
    app: MemoryApp, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, began = threading.Event(), threading.Event()

    def hang(_name: str) -> int:
        began.set()
        return int(goes_on.wait())

    monkeypatch.setattr(app.orchestrator, "orchestrate", hang)
    agent.begin()
    assert began.wait(PATIENCE)
    wait_until(reports(app, agent), PATIENCE, what="the agent reports")
    goes_on.set()


@pytest.mark.parametrize("part", ["_keep_reporting", "_keep_orchestrating"])
def test_an_agent_of_which_a_part_dies_says_so_and_ends_with_an_error(
    app: MemoryApp, agent: Agent, part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def die() -> None:
        raise SystemExit("gone")

    monkeypatch.setattr(agent, part, die)
    monkeypatch.setattr(module, "LAST_WRITES", 0.1)
    monkeypatch.setattr(agent, "install_signal_handlers", lambda: None)
    monkeypatch.setattr(agent, "obey", lambda _timeout: time.sleep(0.01))
    with caplog.at_level(logging.INFO):
        assert agent.work() == 1
    assert "ends with an error: a part of it has died" in caplog.text
    document = app.agents.fetch(agent.id)
    assert document is not None
    assert document["status"] == "stop", "the others take over"


def test_an_agent_that_ends_gives_its_workers_the_time_of_their_group(app: MemoryApp, agent: Agent) -> None:
    stubborn = "/bin/sh -c 'trap \"\" INT; while :; do sleep 0.1; done'"
    app.agents.put_group("g", {"commands": [stubborn], "process_termination_timeout": 0.2})
    agent.begin()
    wait_until(lambda: pids(agent), PATIENCE, what="it runs")
    agent.shutdown_graceful()
    assert agent.pool.wait(PATIENCE)
