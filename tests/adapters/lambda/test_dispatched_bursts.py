"""Which bursts the dispatcher starts, and what bounds them: on stores in memory, with ECS and Lambda by moto."""

from __future__ import annotations

import json
from collections import Counter
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.change import MOST_OVERRUNS, JobChange, Settlement
from mrq.domain.status import Status
from support.dispatching import BURSTS, WORK, burst_runs, ecs, group, queue, run

if TYPE_CHECKING:
    from mrq.app import App
    from support.cloud import Cloud


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
