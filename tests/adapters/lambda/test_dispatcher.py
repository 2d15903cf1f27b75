"""The dispatcher on stores in memory, with ECS and Lambda by moto."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import timedelta
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.change import MOST_OVERRUNS, JobChange, Settlement
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError
from mrq_lambda.dispatcher import MARGIN, dispatch
from mrq_lambda.orders import BadEventError
from support.cloud import CLUSTER, Cloud
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from mrq.app import App

WORK = "support.bursttasks.work"  # declares a burst_limit of a second
SIZING = {"queues": ["default"], "target": {"backlog_per_worker": 10}, "scale_in_patience": 0, "start_up": 1}
BURSTS = {**SIZING, "max_bursts": 5, "jobs_per_burst": 4}


@pytest.fixture
def cloud(aws: None, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return Cloud().plug(monkeypatch)


def group(app: App, name: str = "g", **document: Any) -> None:
    app.agents.put_group(name, document)


def ecs(service: str = "workers") -> dict[str, str]:
    return {"cluster": CLUSTER, "service": service}


def queue(app: App, jobs: int, path: str = WORK, name: str = "default") -> None:
    app.enqueuer.enqueue(path, [{"key": f"k{n}"} for n in range(jobs)], name)


def run(app: App, cloud: Cloud, event: Any = None, seconds: float = 60.0) -> dict[str, Any]:
    return dispatch(app, event or {}, FakeContext(seconds), cloud.client)


def burst_runs(app: App, group: str, minutes: float = 5.0) -> None:
    now = app.clock.now()
    about: Any = {"config": {"worker_group": group}, "deadline": now + timedelta(minutes=minutes)}
    app.workers.register(WorkerRecord(app.jobs.new_id(), "burst", now, 15.0, **about))


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


def test_bursts_are_started_asynchronously_for_the_queues_of_their_group(memory_app: App, cloud: Cloud) -> None:
    cloud.function("burst")
    group(memory_app, sizing=BURSTS, burst={"function": "burst", "event": {"strategy": "parallel", "margin": 2}})
    queue(memory_app, 10)
    assert run(memory_app, cloud)["groups"]["g"]["bursts"] == 3
    assert [(name, kind) for name, kind, _ in cloud.invoked] == [("burst", "Event")] * 3
    assert cloud.invoked[0][2] == {
        "queues": ["default"], "concurrency": 4, "max_generations": 0, "strategy": "parallel", "margin": 2,
        "worker_group": "g",
    }  # fmt: skip
    queue(memory_app, 100)
    assert run(memory_app, cloud)["groups"]["g"]["bursts"] == 2, "five at the same time, three were just asked for"


def test_hundreds_of_bursts_are_started_and_none_when_they_have_drained_the_queue(
    memory_app: App, cloud: Cloud
) -> None:
    cloud.function("burst")
    group(memory_app, sizing={**BURSTS, "max_bursts": 300}, burst={"function": "burst"})
    queue(memory_app, 2000)
    assert run(memory_app, cloud, seconds=300)["groups"]["g"]["bursts"] == 300
    assert len(cloud.invoked) == 300
    memory_app.jobs.remove_queue("default")
    assert run(memory_app, cloud)["groups"]["g"]["bursts"] == 0
    assert len(cloud.invoked) == 300


def test_running_bursts_count_by_group_as_long_as_their_time_is_not_over(memory_app: App, cloud: Cloud) -> None:
    cloud.function("burst")
    group(memory_app, sizing=BURSTS, burst={"function": "burst"})
    queue(memory_app, 100)
    for _ in range(2):
        burst_runs(memory_app, "g")
    burst_runs(memory_app, "g", minutes=-1)
    burst_runs(memory_app, "another")
    assert run(memory_app, cloud)["groups"]["g"]["bursts"] == 3


def test_containers_and_bursts_share_the_queues_of_a_group(memory_app: App, cloud: Cloud) -> None:
    cloud.service("workers")
    cloud.function("burst")
    group(memory_app, sizing={**BURSTS, "max_workers": 2}, ecs=ecs(), burst={"function": "burst"})
    queue(memory_app, 400)
    told = run(memory_app, cloud)["groups"]["g"]
    assert (told["containers"], told["bursts"]) == (2, 5)
    assert (cloud.desired("workers"), len(cloud.invoked)) == (2, 5)


def test_for_jobs_that_no_burst_takes_none_is_started(memory_app: App, cloud: Cloud) -> None:
    cloud.service("workers")
    cloud.function("burst")
    group(memory_app, sizing={**BURSTS, "max_workers": 1}, ecs=ecs(), burst={"function": "burst"})
    queue(memory_app, 12, "support.bursttasks.undeclared")
    told = run(memory_app, cloud)["groups"]["g"]
    assert (told["containers"], told["bursts"]) == (1, 0)
    queue(memory_app, 3)
    last = memory_app.fleets.last("g")
    assert last is not None
    assert last.figures.containers_only == 12
    assert run(memory_app, cloud)["groups"]["g"]["bursts"] == 1, "for the three"


def test_a_job_that_bursts_leave_to_containers_starts_none_and_is_told_where_there_are_none(
    memory_app: App, cloud: Cloud
) -> None:
    cloud.function("burst")
    group(memory_app, sizing=BURSTS | {"max_workers": 0}, burst={"function": "burst"})
    queue(memory_app, 1)
    (job,), token = memory_app.jobs.list_ids("default", Status.QUEUED, 0, 1), memory_app.jobs.new_id()
    now = memory_app.clock.now()
    assert memory_app.jobs.start(job, token, token, now) is not None
    change = JobChange(Status.QUEUED, now, None, overruns=MOST_OVERRUNS)
    memory_app.jobs.settle([Settlement(job, token, change)])
    told = run(memory_app, cloud)["groups"]["g"]
    assert told["bursts"] == 0
    assert "no burst takes 1 job, and there are no containers: max_workers is 0" in told["reason"]


@pytest.mark.parametrize(
    "refuses",
    [{"timeout": 5}, {"longest": 0.5}, {"event": {"task_blacklist": [WORK]}}, {"event": {"task_whitelist": ["x.y"]}}],
    ids=["time-out of the function", "longest_burst_job", "blacklist", "whitelist"],
)
def test_what_bursts_take_is_bounded_by_all_that_bounds_them(
    memory_app: App, cloud: Cloud, refuses: dict[str, Any]
) -> None:
    cloud.function("burst", timeout=refuses.get("timeout", 60))  # 5 seconds are no more than the margin
    sizing = {**BURSTS, "longest_burst_job": refuses.get("longest", 100)}
    group(memory_app, sizing=sizing, burst={"function": "burst", "event": refuses.get("event", {})})
    queue(memory_app, 10)
    assert run(memory_app, cloud)["groups"]["g"]["bursts"] == 0
    assert cloud.invoked == []


def test_reserved_concurrency_bounds_the_bursts_of_all_groups_of_a_function(memory_app: App, cloud: Cloud) -> None:
    arn = cloud.function("burst", reserved=4)
    for name, function in (("g", "burst"), ("h", arn)):
        group(memory_app, name, sizing={**BURSTS, "queues": [name]}, burst={"function": function})
        queue(memory_app, 100, name=name)
    burst_runs(memory_app, "h")
    told = run(memory_app, cloud)["groups"]
    assert (told["g"]["bursts"], told["h"]["bursts"]) == (3, 0)
    assert told["g"]["reason"].endswith("Lambda has room for 3 more bursts")
    assert told["h"]["reason"].endswith("Lambda has room for 0 more bursts")
    assert len(cloud.invoked) == 3


def test_where_there_is_no_room_no_burst_is_started(memory_app: App, cloud: Cloud) -> None:
    cloud.function("burst")
    cloud.account = 1  # of which a tenth is left to others
    group(memory_app, sizing=BURSTS, burst={"function": "burst"})
    queue(memory_app, 100)
    assert run(memory_app, cloud)["groups"]["g"]["bursts"] == 0
    assert cloud.invoked == []


def test_without_a_reservation_the_accounts_pool_is_the_bound(memory_app: App, cloud: Cloud) -> None:
    cloud.function("burst")
    cloud.function("apart", reserved=50)
    group(memory_app, "a", sizing={**BURSTS, "queues": ["a"]}, burst={"function": "apart"})
    group(memory_app, "g", sizing=BURSTS, burst={"function": "burst"})
    for name in ("a", "default"):
        queue(memory_app, 100, name=name)
    cloud.account = 4  # of which a tenth is left to others
    told = run(memory_app, cloud)["groups"]
    assert (told["a"]["bursts"], told["g"]["bursts"]) == (5, 3)


def test_an_account_that_may_not_be_read_bounds_nothing(memory_app: App, cloud: Cloud) -> None:
    cloud.function("burst")
    group(memory_app, sizing=BURSTS, burst={"function": "burst"})
    queue(memory_app, 100)
    assert run(memory_app, cloud)["groups"]["g"]["bursts"] == 5


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


def test_bursts_count_as_started_when_they_are(
    memory_app: App, cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.function("burst")
    group(memory_app, sizing=BURSTS, burst={"function": "burst"})
    queue(memory_app, 10)

    def one_only(_: Any) -> None:
        cloud.failing.add("burst")

    cloud.on_invoke = one_only
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "shop")
    assert set(run(memory_app, cloud)["failed"]) == {"g"}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["StartedBursts"] for line in lines if "StartedBursts" in line] == [[1]]
    dimensions = [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in lines if "WorkerGroup" in line]
    assert dimensions == [[["WorkerGroup"]]] * 3


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


def test_of_two_dispatchers_at_once_one_starts_the_bursts(
    memory_app: App, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.function("burst")
    group(memory_app, sizing=BURSTS, burst={"function": "burst"})
    queue(memory_app, 100)
    barrier, last, told = Barrier(2), memory_app.fleets.last, []

    def both_have_read(name: str) -> Any:
        found = last(name)
        barrier.wait(30)
        return found

    monkeypatch.setattr(memory_app.fleets, "last", both_have_read)
    threads = [Thread(target=lambda: told.append(run(memory_app, cloud)["groups"]["g"])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Counter(each["bursts"] for each in told) == {5: 1, 0: 1}
    assert len(cloud.invoked) == 5


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
