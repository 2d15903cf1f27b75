"""Worker groups spread over agents, on stores in memory."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from mrq.context import run_task
from mrq.engine.orchestrating import Orchestrator
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from mrq.app import App
    from mrq.domain.agents import GroupCommand, WorkerGroup
    from mrq.domain.ids import AgentId

W = "MRQ_WORKER_GROUP=g w"


def agent(app: App, group: str = "g", **says: Any) -> AgentId:
    name = new_id()
    app.agents.report(name, {"worker_group": group, "status": "started", "total_cpu": 1024, **says}, 3600)
    return name


def desired(app: App, name: AgentId) -> list[str] | None:
    document = app.agents.fetch(name)
    assert document is not None
    found: list[str] | None = document.get("desired_workers")
    return found


def test_the_commands_of_a_group_are_spread_over_its_agents_alone(memory_app: App) -> None:
    one, two, other = agent(memory_app), agent(memory_app), agent(memory_app, "other")
    memory_app.agents.put_group("g", {"commands": ["w --processes 4", "w b"]})
    assert memory_app.orchestrator.orchestrate("g") == 2
    run = [desired(memory_app, one), desired(memory_app, two)]
    assert Counter(run[0] or []) + Counter(run[1] or []) == {W: 4, f"{W} b": 1}
    assert sorted(map(len, filter(None, run))) == [2, 3]
    assert desired(memory_app, other) is None
    assert memory_app.orchestrator.orchestrate("g") == 0, "nothing new"


def test_the_share_of_an_agent_that_ends_is_taken_over(memory_app: App) -> None:
    one, two = agent(memory_app), agent(memory_app)
    memory_app.agents.put_group("g", {"commands": ["w --processes 4"]})
    memory_app.orchestrator.orchestrate("g")
    memory_app.agents.report(one, {"status": "stop"}, 60)
    assert memory_app.orchestrator.orchestrate("g") == 1
    assert desired(memory_app, two) == [W] * 4


@pytest.mark.parametrize("document", [None, {"commands": ["w 'a"]}, {"commands": 5}])
def test_a_group_that_can_not_be_read_or_is_not_there_changes_nothing(
    memory_app: App, document: Any, caplog: pytest.LogCaptureFixture
) -> None:
    one = agent(memory_app)
    memory_app.agents.put_group("g", {"commands": ["w"]})
    memory_app.orchestrator.orchestrate("g")
    memory_app.agents.remove_group("g")
    if document is not None:
        memory_app.agents.put_group("g", document)
    with caplog.at_level(logging.ERROR):
        assert memory_app.orchestrator.orchestrate("g") == 0
    assert desired(memory_app, one) == [W]
    assert ("worker group 'g': commands" in caplog.text) is (document is not None)


def test_what_is_wrong_with_a_group_is_said_once_and_again_when_it_is_something_else(
    memory_app: App, caplog: pytest.LogCaptureFixture
) -> None:
    agent(memory_app)
    for document in ({"command": ["w"]}, {"command": ["w"]}, {"commands": 5}):
        memory_app.agents.put_group("g", document)
        assert memory_app.orchestrator.orchestrate("g") == 0
    first, second = (record.message for record in caplog.records if record.levelno == logging.ERROR)
    assert "unknown key 'command'; did you mean 'commands'?" in first
    assert "should be a list" in second


def test_a_group_without_agents_is_said_once(memory_app: App, caplog: pytest.LogCaptureFixture) -> None:
    memory_app.agents.put_group("g", {"commands": ["w --processes 2"]})
    for _ in range(2):
        assert memory_app.orchestrator.orchestrate("g") == 0
    assert caplog.text.count("nobody runs the 2 workers of worker group 'g'") == 1
    one = agent(memory_app)
    assert memory_app.orchestrator.orchestrate("g") == 1
    memory_app.agents.report(one, {"status": "stop"}, 60)
    memory_app.orchestrator.orchestrate("g")
    assert caplog.text.count("nobody runs the 2 workers of worker group 'g'") == 2, "it is news again"


def test_how_many_there_are_to_be_is_asked_of_one_function(memory_app: App) -> None:
    asked: list[tuple[str, str, int]] = []

    def sized(group: WorkerGroup, command: GroupCommand) -> int:
        asked.append((group.name, command.command, command.processes))
        return 3

    one = agent(memory_app)
    memory_app.agents.put_group("g", {"commands": ["w --processes 1"]})
    Orchestrator(memory_app.agents, memory_app.locks, sized).orchestrate("g")
    assert (asked, desired(memory_app, one)) == ([("g", W, 1)], [W] * 3)


SIZING = {"queues": ["default"], "target": {"backlog_per_worker": 10}, "max_workers": 4, "scale_in_patience": 0}


def test_the_first_command_of_a_group_is_sized_by_what_waits_in_its_queues(memory_app: App) -> None:
    one = agent(memory_app)
    memory_app.agents.put_group("g", {"commands": ["w --processes 9", "b"], "sizing": SIZING})
    memory_app.orchestrator.orchestrate("g")
    assert desired(memory_app, one) == [f"{W[:-1]}b"]
    memory_app.enqueuer.enqueue("tasks.T", [{}] * 25, "default")
    memory_app.enqueuer.enqueue("tasks.T", [{}] * 100, "other")
    memory_app.orchestrator.orchestrate("g")
    assert desired(memory_app, one) == [W, W, W, f"{W[:-1]}b"]
    last = memory_app.fleets.last("g")
    assert last is not None
    assert (last.figures.waiting, last.decision.containers) == (25, 3)
    assert [change.containers for change in memory_app.fleets.changes("g")] == [3, 0]
    memory_app.agents.report(one, {"current_workers": [W, W]}, 3600)
    memory_app.orchestrator.orchestrate("g")
    last = memory_app.fleets.last("g")
    assert last is not None
    assert (last.fleet.running, last.fleet.starting) == (2, 1)
    assert len(memory_app.fleets.changes("g")) == 2, "nothing new"


def test_agents_start_no_bursts_so_none_are_counted_on(memory_app: App) -> None:
    one = agent(memory_app)
    sizing = {**SIZING, "max_workers": 0, "max_bursts": 50}
    memory_app.agents.put_group("g", {"commands": ["w"], "sizing": sizing})
    memory_app.enqueuer.enqueue("tasks.T", [{}] * 25, "default")
    memory_app.orchestrator.orchestrate("g")
    assert desired(memory_app, one) == [W]


def test_sizing_that_can_not_be_read_changes_nothing(memory_app: App, caplog: pytest.LogCaptureFixture) -> None:
    one = agent(memory_app)
    memory_app.agents.put_group("g", {"commands": ["w"]})
    memory_app.orchestrator.orchestrate("g")
    memory_app.agents.put_group("g", {"commands": ["w"], "sizing": {**SIZING, "max_worker": 3}})
    assert memory_app.orchestrator.orchestrate("g") == 0
    assert "worker group 'g': sizing: unknown key 'max_worker'; did you mean 'max_workers'?" in caplog.text
    assert desired(memory_app, one) == [W]


def test_two_at_once_are_one_too_many_and_without_redis_it_is_done_all_the_same(
    memory_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = agent(memory_app)
    memory_app.agents.put_group("g", {"commands": ["w"]})
    key = memory_app.locks.acquire("orchestrator:g", 60)
    assert key is not None
    assert memory_app.orchestrator.orchestrate("g") == 0
    assert desired(memory_app, one) is None

    def away(*_: object) -> None:
        raise StoreUnavailableError("Redis is away")

    monkeypatch.setattr(memory_app.locks, "acquire", away)
    assert memory_app.orchestrator.orchestrate("g") == 1


def test_what_somebody_else_has_changed_meanwhile_is_left_alone(
    memory_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = agent(memory_app)
    memory_app.agents.put_group("g", {"commands": ["w"]})
    read = memory_app.agents.living("g")
    monkeypatch.setattr(memory_app.agents, "living", lambda _group: read)
    assert memory_app.agents.assign(one, ["theirs"], None)
    assert memory_app.orchestrator.orchestrate("g") == 0
    assert desired(memory_app, one) == ["theirs"]


@pytest.mark.parametrize("params", [{}, {"concurrency": 1}])
def test_the_task_spreads_all_groups(memory_app: App, params: dict[str, Any]) -> None:
    run_task("mrq.basetasks.orchestrator.Orchestrate", params)  # no group: nothing to do
    one, two = agent(memory_app), agent(memory_app, "h")
    for name in ("g", "h"):
        memory_app.agents.put_group(name, {"commands": ["w"]})
    assert run_task("mrq.basetasks.orchestrator.Orchestrate", params) is None
    assert (desired(memory_app, one), desired(memory_app, two)) == ([W], ["MRQ_WORKER_GROUP=h w"])
