"""Worker groups, and how their commands are spread over agents."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.agents import AgentShare, WorkerGroup, as_stated, group_of, spread, wanted
from mrq.domain.commands import parse_command
from mrq.domain.groupcloud import BurstFunction, EcsService, GroupCloud
from mrq.exceptions import ConfigError

Plan = dict[Any, list[str]]
ECS = {"ecs": {"cluster": "c", "service": "s"}}
SIZED = {"queues": ["a"], "target": {"oldest_wait": 60}}


def agents(*ids: str, cpu: int = 1024, **desired: list[str]) -> list[AgentShare]:
    return [AgentShare(name, cpu, tuple(desired.get(name, ()))) for name in ids]  # type: ignore[arg-type]


def sizes(plan: Plan) -> list[int]:
    return [len(commands) for commands in plan.values()]


# ---- groups


def test_a_group_is_read_as_mrq_0_9_writes_it() -> None:
    group = group_of(
        {
            "_id": "xx",
            "commands": ["A=1 mrq-worker a --processes 2 --x", "mrq-worker b --processes=0", "mrq-worker c"],
            "process_termination_timeout": 60,
            "note": "of the user's",
            "sizing": {"queues": ["b", "a/", "b"], "target": {"oldest_wait": 60}, "max_workers": 3},
        }
    )
    assert [(command.command, command.processes) for command in group.commands] == [
        ("MRQ_WORKER_GROUP=xx A=1 mrq-worker a --x", 2),
        ("MRQ_WORKER_GROUP=xx mrq-worker b", 0),
        ("MRQ_WORKER_GROUP=xx mrq-worker c", 1),
    ]
    assert (group.name, group.termination_timeout, group.document["note"]) == ("xx", 60, "of the user's")
    assert group.sizing is not None
    assert (group.sizing.queues, group.sizing.policy.max_workers) == (("b", "a/"), 3)
    assert wanted(group) == {"MRQ_WORKER_GROUP=xx A=1 mrq-worker a --x": 2, "MRQ_WORKER_GROUP=xx mrq-worker c": 1,
                             "MRQ_WORKER_GROUP=xx mrq-worker b": 0}  # fmt: skip
    assert group_of({"_id": "empty"}).commands == ()


def test_a_group_of_the_dispatcher_names_what_is_sized() -> None:
    group = group_of({"_id": "g", **ECS, "sizing": SIZED})
    assert (group.cloud, group.commands) == (GroupCloud(EcsService("c", "s")), ())
    assert group.sizing is not None
    assert group.sizing.policy.max_workers == 10
    burst = {"function": "f", "event": {"margin": 3}}
    group = group_of({"_id": "g", "burst": burst, "sizing": {**SIZED, "max_bursts": 5}})
    assert group.cloud == GroupCloud(burst=BurstFunction("f", {"margin": 3}))
    assert group.sizing is not None
    assert (group.sizing.policy.max_workers, group.sizing.policy.max_bursts) == (0, 5)
    both = group_of({"_id": "g", **ECS, "burst": burst, "sizing": {**SIZED, "max_bursts": 5}})
    assert both.sizing is not None
    assert (both.sizing.policy.max_workers, both.sizing.policy.max_bursts) == (10, 5)


def test_how_many_there_are_to_be_may_be_decided_elsewhere() -> None:
    group = group_of({"_id": "g", "commands": ["w a --processes 2", "w b"]})

    def sized(group: WorkerGroup, command: Any) -> int:
        return as_stated(group, command) * 3 if " a" in command.command else -1

    assert wanted(group, sized) == {"MRQ_WORKER_GROUP=g w a": 6, "MRQ_WORKER_GROUP=g w b": 0}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"commands": "mrq-worker"}, "commands should be a list"),
        ({"commands": ["ok", 5]}, r"commands\[1\] should be a command, not 5"),
        ({"commands": ["mrq-worker 'a --processes 2"]}, r"commands\[0\] .* can't be read: No closing quotation"),
        ({"commands": ["mrq-worker --processes many"]}, r"commands\[0\] .* can't be read: invalid literal"),
        ({"commands": ["mrq-worker --processes -1"]}, "--processes should be from 0"),
        ({"commands": ["mrq-worker --processes 1000000"]}, "--processes should be from 0 to 10000"),
        ({"commands": ["A=1"]}, "names no program"),
        ({"process_termination_timeout": "soon"}, "process_termination_timeout should be a number"),
        ({"process_termination_timeout": -1}, "process_termination_timeout should be a number"),
        ({"sizing": {"queues": ["a"]}}, "sizing needs a command"),
        ({"commands": ["w"], "sizing": 5}, "sizing should be a dict with queues and a target, not 5"),
        ({"commands": ["w"], "sizing": {"target": {}}}, "sizing should be a dict with queues"),
        ({"commands": ["w"], "sizing": {"queues": []}}, "sizing: queues should be a list of 1 to 100 names"),
        ({"commands": ["w"], "sizing": {"queues": "a"}}, "sizing: queues should be a list of 1 to 100 names"),
        ({"commands": ["w"], "sizing": {"queues": [""]}}, "sizing: queues should be names, not ''"),
        ({"commands": ["w"], "sizing": {"queues": ["a"]}}, "sizing: .*target"),
        ({"ecs": {"cluster": "c", "service": "s"}}, "sizing should be a dict with queues"),
        ({"ecs": 5}, "ecs: expected keys with values, got 5"),
        ({"ecs": {"cluster": "c"}}, "ecs: service should be a name or an ARN, not None"),
        ({"ecs": {"cluster": "", "service": "s"}}, "ecs: cluster should be a name or an ARN, not ''"),
        ({"ecs": {"cluster": "c", "servise": "s"}}, "ecs: unknown key 'servise'; did you mean 'service'"),
        ({"burst": {"function": 5}}, "burst: function should be a name or an ARN, not 5"),
        ({"burst": {"function": "f", "event": []}}, r"burst: event should be an object such as {}, not \[\]"),
        ({"burst": {"function": "f"}, "sizing": SIZED}, "sizing: max_workers and max_bursts are both 0"),
        ({**ECS, "burst": {"function": "f"}, "sizing": SIZED}, "sizing: burst is there, but max_bursts is 0"),
        (
            {"burst": {"function": "f"}, "sizing": {**SIZED, "max_bursts": 2, "max_workers": 3}},
            "sizing: max_workers is 3, but only burst is there; add ecs",
        ),
        ({**ECS, "sizing": {**SIZED, "max_bursts": 2}}, "sizing: max_bursts is 2, but only ecs is there; add burst"),
        ({**ECS, "sizing": SIZED, "commands": ["w"]}, "commands are for agents, ecs and burst for the dispatcher"),
    ],
)
def test_what_is_wrong_with_a_group_is_said_with_its_place(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=f"worker group 'g': .*{what}"):
        group_of({"_id": "g", "commands": [], **changes})


def test_commands_are_split_as_a_shell_does() -> None:
    parsed = parse_command("A=1 B='x y' mrq-worker 'a b' C=3")
    assert parsed == ({"A": "1", "B": "x y"}, ["mrq-worker", "a b", "C=3"])


# ---- spreading


def test_a_group_may_have_any_name() -> None:
    for name in ("my group", "it's", "$(x)", "a"):
        (command,) = group_of({"_id": name, "commands": ["mrq-worker high --processes 2"]}).commands
        assert parse_command(command.command) == ({"MRQ_WORKER_GROUP": name}, ["mrq-worker", "high"])


def test_one_agent_gets_all_in_the_order_of_the_group() -> None:
    assert spread({"a": 2, "b": 1}, agents("one")) == {"one": ["a", "a", "b"]}
    assert spread({"a": 2}, []) == {}
    assert spread({}, agents("one")) == {"one": []}


def test_agents_share_evenly_and_each_command_evenly_too() -> None:
    plan = spread({"a": 4, "b": 2, "c": 1}, agents("one", "two"))
    assert sorted(sizes(plan)) == [3, 4]
    assert all(Counter(commands)["a"] == 2 and Counter(commands)["b"] == 1 for commands in plan.values())


def test_a_bigger_agent_gets_more() -> None:
    plan = spread({"a": 9}, [*agents("small", cpu=1024), *agents("big", cpu=2048)])
    assert (len(plan["small"]), len(plan["big"])) == (3, 6)  # type: ignore[index]


def test_where_it_is_all_the_same_each_keeps_what_it_has() -> None:
    assert spread({"a": 1, "b": 1}, agents("one", "two", one=["b"], two=["a"])) == {"one": ["b"], "two": ["a"]}


def test_of_two_that_carry_the_same_the_one_with_less_of_a_command_gets_it() -> None:
    assert spread({"x": 1, "a": 2}, agents("one", "two", two=["x"])) == {"one": ["a"], "two": ["x", "a"]}


def test_a_new_agent_takes_its_share_and_nothing_else_moves() -> None:
    before: dict[str, list[str]] = {"one": ["a", "a", "b"], "two": ["a", "b", "b"]}
    plan: Plan = dict(spread({"a": 3, "b": 3}, agents("one", "two", "zero", **before)))
    assert sizes(plan) == [2, 2, 2]
    for name, commands in before.items():
        assert not Counter(plan[name]) - Counter(commands), "nobody got something new but the new one"


def test_the_share_of_an_agent_that_died_is_taken_over_and_the_rest_stays() -> None:
    plan: Plan = dict(spread({"a": 4}, agents("two", two=["a", "a"])))
    assert plan == {"two": ["a"] * 4}
    plan = dict(spread({"a": 6}, agents("one", "two", one=["a", "a"], two=["a", "a"])))
    assert sizes(plan) == [3, 3]


COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 12))
MACHINES = st.lists(st.sampled_from([0, 512, 1024, 2048, 4096]), min_size=1, max_size=6)


@given(COUNTS, COUNTS, MACHINES, st.randoms(use_true_random=False))
def test_all_is_spread_whatever_was_there_before_and_then_nothing_moves(
    before: dict[str, int], counts: dict[str, int], machines: list[int], chance: Any
) -> None:
    fleet = [AgentShare(f"agent{number}", cpu) for number, cpu in enumerate(machines)]  # type: ignore[arg-type]
    for wish in (before, counts):
        plan = spread(wish, fleet)
        assert Counter(command for commands in plan.values() for command in commands) == Counter(
            {command: count for command, count in wish.items() if count}
        )
        loads = [(len(plan[agent.id]), agent.cpu or 1024) for agent in fleet]
        for more, its_cpu in loads:  # nobody has one that would be better off elsewhere
            assert all(more == 0 or more / its_cpu <= (less + 1) / cpu + 1e-9 for less, cpu in loads)
        fleet = [AgentShare(agent.id, agent.cpu, tuple(plan[agent.id])) for agent in fleet]
        chance.shuffle(fleet)
        assert {name: sorted(commands) for name, commands in spread(wish, fleet).items()} == {
            agent.id: sorted(agent.desired) for agent in fleet
        }, "what is spread well stays, whoever looks"
