"""AgentStore: agents, what they are to run, worker groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.stores.ids import new_id
from support.waiting import wait_until

if TYPE_CHECKING:
    from contract.conftest import AgentKit
    from mrq.domain.ids import AgentId
    from mrq.ports.agents import AgentStore

LONG = 3600.0
SAYS = {"worker_group": "xx", "status": "started", "current_workers": [], "total_cpu": 1024, "total_memory": 500}


def reported(store: AgentStore, lives: float = LONG, **says: Any) -> AgentId:
    agent = new_id()
    store.report(agent, {**SAYS, **says}, lives)
    return agent


def living(store: AgentStore, group: str = "xx") -> set[AgentId]:
    return {document["_id"] for document in store.living(group)}


def test_a_report_makes_the_document_and_replaces_what_was_said(agents: AgentKit) -> None:
    agent = reported(agents.store)
    document = agents.store.report(agent, {**SAYS, "current_workers": ["a"]}, LONG)
    assert document == agents.store.fetch(agent)
    assert {**SAYS, "current_workers": ["a"], "_id": agent}.items() <= document.items()
    assert (document["dateexpires"] - document["datereported"]).total_seconds() == LONG
    assert document["datereported"].tzinfo is None
    assert "desired_workers" not in document


def test_agents_of_a_group_live_while_they_report_and_have_not_ended(agents: AgentKit) -> None:
    agent, other = reported(agents.store), reported(agents.store, worker_group="other")
    reported(agents.store, status="stop")
    assert (living(agents.store), living(agents.store, "other")) == ({agent}, {other})
    agents.store.report(agent, {**SAYS, "status": "stop"}, LONG)
    assert living(agents.store) == set()


def test_one_that_does_not_report_in_time_is_taken_for_dead_and_comes_back(agents: AgentKit) -> None:
    agent = reported(agents.store, lives=0.05)
    wait_until(lambda: living(agents.store) == set())
    agents.store.report(agent, SAYS, LONG)
    assert living(agents.store) == {agent}


def test_one_that_was_put_there_by_hand_lives(agents: AgentKit) -> None:
    agents.put({"_id": "by hand", "worker_group": "xx", "status": "started"})
    assert living(agents.store) == {"by hand"}  # type: ignore[comparison-overlap]


def test_what_is_to_be_run_is_changed_only_where_it_is_still_what_was_seen(agents: AgentKit) -> None:
    agent = reported(agents.store)
    assert not agents.store.assign(agent, ["a"], [])
    assert agents.store.assign(agent, ["a"], None)
    assert not agents.store.assign(agent, ["b"], None)
    assert not agents.store.assign(agent, ["b"], ["a", "a"])
    document = agents.store.report(agent, SAYS, LONG)
    assert document["desired_workers"] == ["a"], "a report leaves it as it is"
    assert document["dateorchestrated"] <= document["datereported"]
    assert agents.store.assign(agent, ["b", "b"], ["a"])
    assert agents.store.report(agent, SAYS, LONG)["desired_workers"] == ["b", "b"]


def test_nothing_is_assigned_to_an_agent_that_has_ended_or_is_unknown(agents: AgentKit) -> None:
    agent = reported(agents.store, status="stop")
    assert not agents.store.assign(agent, ["a"], None)
    assert not agents.store.assign(new_id(), ["a"], None)
    assert len(agents.store.page(0, 10)) == 1


def test_all_agents_are_listed_a_page_at_a_time(agents: AgentKit) -> None:
    everyone = [reported(agents.store), reported(agents.store, status="stop"), reported(agents.store)]
    assert [document["_id"] for document in agents.store.page(0, 10)] == everyone
    assert [document["_id"] for document in agents.store.page(1, 1)] == everyone[1:2]
    assert agents.store.fetch(new_id()) is None


def test_worker_groups_are_kept_as_they_are(agents: AgentKit) -> None:
    document = {"commands": ["A=1 mrq-worker --processes 2"], "process_termination_timeout": 5, "sizing": {"max": 3}}
    agents.store.put_group("b", {"commands": []})
    agents.store.put_group("a", document)
    assert agents.store.group("a") == {"_id": "a", **document}
    assert [group["_id"] for group in agents.store.groups()] == ["a", "b"]
    agents.store.put_group("a", {"commands": []})
    assert agents.store.group("a") == {"_id": "a", "commands": []}
    assert (agents.store.remove_group("a"), agents.store.remove_group("a")) == (True, False)
    assert agents.store.group("a") is None
