"""A round of the dispatcher on stores in memory, with ECS and Lambda by moto: services, groups, errors, metrics."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError
from mrq_lambda.dispatcher import MARGIN
from mrq_lambda.orders import BadEventError
from support.dispatching import BURSTS, SIZING, ecs, group, queue, run

if TYPE_CHECKING:
    from mrq.app import App
    from support.cloud import Cloud


def test_a_service_gets_the_tasks_that_its_queues_need(memory_app: App, cloud: Cloud) -> None:
    cloud.service("workers", desired=1)
    group(memory_app, sizing={**SIZING, "max_workers": 4}, ecs=ecs())
    queue(memory_app, 25)
    told = run(memory_app, cloud)
    assert (told["failed"], told["groups"]["g"]["containers"]) == ({}, 3)
    assert cloud.desired("workers") == 3
    last = memory_app.fleets.last("g")
    assert last is not None
    assert (last.fleet.running, last.fleet.starting, last.figures.waiting) == (0, 1, 25)
    assert last.decision.reason == told["groups"]["g"]["reason"]
    queue(memory_app, 1000)
    run(memory_app, cloud)
    assert cloud.desired("workers") == 4, "held at max_workers"


def test_an_error_in_one_group_leaves_the_others_done(
    memory_app: App, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.service("workers")
    cloud.function("down")
    group(memory_app, "a", sizing=BURSTS, burst={"function": "down"})
    group(memory_app, "b", sizing=SIZING, ecs=ecs("none"))
    group(memory_app, "c", sizing=BURSTS, burst={"function": "none"})
    group(memory_app, "d", sizing={**SIZING, "max_worker": 3}, ecs=ecs())
    group(memory_app, "e", sizing=BURSTS, burst={"function": "down", "event": {"concurency": 3}})
    group(memory_app, "z", sizing=SIZING, ecs=ecs())
    cloud.failing.add("down")
    queue(memory_app, 10)
    told = run(memory_app, cloud)
    assert cloud.desired("workers") == 1
    assert set(told["groups"]) == {"z"}
    assert {name: message for name, message in told["failed"].items() if name in "bde"} == {
        "b": "ecs: cluster mrq has no service none that could be sized (MISSING)",
        "d": "worker group 'd': sizing: unknown key 'max_worker'; did you mean 'max_workers'?",
        "e": "worker group 'e': burst: event: a burst's event has no key 'concurency'; did you mean 'concurrency'?",
    }
    assert set(told["failed"]) == set("abcde")
    last = memory_app.fleets.last("a")
    assert last is not None
    assert "down" in last.failure, "it was decided, and not carried out"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    failures = [line["WorkerGroup"] for line in lines if "DispatchFailures" in line]
    assert sorted(failures) == ["a", "b", "c", "d", "e"]


def test_a_group_without_either_is_left_to_agents(memory_app: App, cloud: Cloud) -> None:
    group(memory_app, commands=["mrq-worker"], sizing=SIZING)
    assert run(memory_app, cloud) == {"groups": {}, "failed": {}}
    assert memory_app.fleets.last("g") is None


@pytest.mark.parametrize("queues", ["default", [{}], {"default": 1}, [None]])
def test_queues_that_are_no_list_of_names_are_refused(memory_app: App, cloud: Cloud, queues: Any) -> None:
    cloud.service("workers")
    group(memory_app, sizing=SIZING, ecs=ecs())
    queue(memory_app, 10)
    with pytest.raises(BadEventError, match="queues is to be a list of names of queues"):
        run(memory_app, cloud, {"queues": queues, "groups": {}})
    assert memory_app.fleets.last("g") is None, "nothing was sized"


def test_metrics_are_printed_for_cloudwatch(
    memory_app: App, cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.service("workers", desired=0)
    group(memory_app, sizing=SIZING, ecs=ecs())
    queue(memory_app, 30)
    run(memory_app, cloud)
    memory_app.clock.pass_by(20)  # type: ignore[attr-defined]
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Mine")
    run(memory_app, cloud)
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "Backlog" in line)
    about = first["_aws"]["CloudWatchMetrics"][0]
    assert (about["Namespace"], about["Dimensions"], first["WorkerGroup"]) == ("MRQ", [["WorkerGroup"]], "g")
    assert {metric["Name"]: metric["Unit"] for metric in about["Metrics"]}["OldestWait"] == "Seconds"
    assert (first["Backlog"], first["BacklogPerWorker"], first["WantedContainers"]) == ([30], [30], [3])
    assert second["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Mine"
    assert (second["RunningContainers"], second["BacklogPerWorker"]) == ([3], [10])
    assert 20 <= second["OldestWait"][0] < 60


def test_on_demand_only_the_groups_of_these_queues_are_sized(memory_app: App, cloud: Cloud) -> None:
    for name in ("a", "b", "c"):
        cloud.service(name)
        group(memory_app, name, sizing={**SIZING, "queues": [f"{name}/"]}, ecs=ecs(name))
        queue(memory_app, 1, name=f"{name}/x")
    assert set(run(memory_app, cloud, {"queues": ["a/x", "c_reverse", ""]})["groups"]) == {"a", "c"}
    assert set(run(memory_app, cloud, {"detail-type": "Scheduled Event"})["groups"]) == {"a", "b", "c"}


def test_when_its_time_is_up_the_rest_is_left_to_the_next_round(
    memory_app: App, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.service("workers")
    group(memory_app, sizing=SIZING, ecs=ecs())
    with caplog.at_level(logging.ERROR):
        assert run(memory_app, cloud, seconds=MARGIN - 1)["groups"] == {}
    assert "worker group 'g' and those behind it are left" in caplog.text


def test_without_mongodb_it_is_an_error(memory_app: App, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.service("workers")
    group(memory_app, sizing=SIZING, ecs=ecs())

    def away(*_: object) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(memory_app.fleets, "last", away)
    with pytest.raises(StoreUnavailableError):
        run(memory_app, cloud)


DEPLOYED = {"sizing": BURSTS, "burst": {"function": "burst"}}


def test_groups_of_a_deployment_come_with_the_event(memory_app: App, cloud: Cloud) -> None:
    cloud.function("burst")
    group(memory_app, "other", commands=["mrq-worker low"])
    queue(memory_app, 25)
    told = run(memory_app, cloud, {"groups": {"g": DEPLOYED}})
    assert told["groups"]["g"]["bursts"] > 0
    assert memory_app.agents.group("g") == {"_id": "g", **DEPLOYED}
    changed = {**DEPLOYED, "sizing": {**BURSTS, "max_bursts": 1}}
    run(memory_app, cloud, {"groups": {"g": changed}})
    assert memory_app.agents.group("g") == {"_id": "g", **changed}
    assert {each["_id"] for each in memory_app.agents.groups()} == {"g", "other"}


def test_groups_that_are_the_same_are_not_written(
    memory_app: App, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.function("burst")
    run(memory_app, cloud, {"groups": {"g": DEPLOYED}})
    monkeypatch.setattr(memory_app.agents, "put_group", lambda *_: pytest.fail("written again"))
    run(memory_app, cloud, {"groups": {"g": DEPLOYED}})


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([], "groups should be an object"),
        ({"g": {"sizing": BURSTS}}, "neither ecs nor burst|needs a command"),
        ({"g": {**DEPLOYED, "commands": []}}, "unknown key 'commands'"),
        ({"a": DEPLOYED, "g": {**DEPLOYED, "sizing": {"queues": []}}}, "queues should be a list"),
    ],
)
def test_wrong_groups_of_a_deployment_change_nothing(memory_app: App, cloud: Cloud, groups: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run(memory_app, cloud, {"groups": groups})
    assert memory_app.agents.groups() == []


def test_failed_runs_are_told_once_a_round(
    memory_app: App, cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Minute:
        failed = 3

    reader = type(memory_app.stats_reader)
    monkeypatch.setattr(reader, "figures", lambda _, start, end, resolution: [Minute()] * ((end - start).seconds // 60))
    run(memory_app, cloud)
    run(memory_app, cloud, {"queues": ["default"]})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "FailedRuns" in line]
    assert [line["FailedRuns"] for line in lines] == [[3.0]]


def test_a_service_that_something_else_sizes_is_only_watched(memory_app: App, cloud: Cloud) -> None:
    cloud.service("workers", desired=1)
    group(memory_app, sizing={**SIZING, "max_workers": 4}, ecs={**ecs(), "only_watched": True})
    queue(memory_app, 25)
    told = run(memory_app, cloud)
    assert (told["failed"], told["groups"]["g"]["containers"]) == ({}, 3), "what would be wanted is told all the same"
    assert cloud.desired("workers") == 1


def test_only_watched_is_true_or_false(memory_app: App, cloud: Cloud) -> None:
    group(memory_app, sizing={**SIZING, "max_workers": 4}, ecs={**ecs(), "only_watched": "yes"})
    told = run(memory_app, cloud)
    assert "only_watched should be true or false, not 'yes'" in told["failed"]["g"]
