"""Queues, the overview, workers, failures: on real servers."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from mrq import stats
from mrq.domain.fingerprint import Signature, fingerprint
from mrq.domain.stats import Backlog, QueueSamples, Resolution
from mrq.domain.worker import WorkerRecord
from mrq.job import queue_jobs, queue_raw_jobs
from mrq.ports.deploys import Deploy
from mrq.queue import Queue
from mrq.stores.ids import new_id
from mrq_dashboard import queues as dashboard_queues
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.failures import failure_details, failure_groups
from mrq_dashboard.growth import Growth, growth
from mrq_dashboard.identity import How, Principal, Role
from mrq_dashboard.routes import overview
from mrq_dashboard.shown import Shower
from support.dashboards import ADD, API, counted, put

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from mrq.app import App


def queues(client: TestClient) -> dict[str, dict[str, Any]]:
    """All queues by name."""
    answer = client.get(f"{API}/queues")
    assert answer.status_code == 200, answer.text
    return {queue["name"]: queue for queue in answer.json()["queues"]}


def serve(app: App, *names: str, lease: float = 30.0) -> Any:
    """A worker that serves queues, by its document."""
    worker = new_id()
    config = {"queues": list(names), "greenlets": 10}
    app.workers.register(WorkerRecord(worker, "eu-01", app.clock.now(), lease, config))
    return worker


def test_queues_of_all_kinds(client: TestClient, app: App) -> None:
    now = app.clock.now().timestamp()
    queue_jobs(ADD, [{"a": n} for n in range(3)], "crawl/eu")
    queue_jobs(ADD, [{"a": 1}], "mail")
    put(app, "started", worker=new_id(), queue="crawl/eu")
    app.config["raw_queues"] = {"prices_timed_set": {}}
    app.settings.raw_queues["prices_timed_set"] = {}
    queue_raw_jobs("prices_timed_set", {"a": now - 1000, "b": now + 1000})
    serve(app, "crawl/", "idle_reverse")
    found = queues(client)
    assert set(found) == {"crawl/", "mail", "prices_timed_set", "idle"}
    crawl = found["crawl/"]
    assert (crawl["waiting"], crawl["running"], crawl["workers"]) == ({"jobs": 3, "exact": True}, 1, 1)
    assert crawl["oldest"] is not None
    timed = found["prices_timed_set"]
    assert (timed["type"], timed["waiting"]["jobs"], timed["due"]["jobs"]) == ("timed_set", 2, 1)
    detail = client.get(f"{API}/queues/detail", params={"name": "crawl"}).json()
    assert detail["subqueues"] == [{"name": "crawl/eu", "size": {"jobs": 3, "exact": True}}]


def test_what_leaves_a_queue_next(client: TestClient) -> None:
    first = queue_jobs(ADD, [{"a": n} for n in range(3)], "crawl/eu")
    head = client.get(f"{API}/queues/head", params={"name": "crawl/eu", "limit": 2}).json()
    assert [job["id"] for job in head["jobs"]] == [str(job) for job in first[:2]]
    queue_raw_jobs("x_raw", ["one", "password=two"])
    head = client.get(f"{API}/queues/head", params={"name": "x_raw"}).json()
    assert head["payloads"] == ["one", "password=***"]


def test_how_scores_are_spread(client: TestClient) -> None:
    queue_raw_jobs("p_sorted_set", {"a": 1, "b": 55, "c": 56, "d": 1000})
    asked = {"name": "p_sorted_set", "slices": 2}
    slices = client.get(f"{API}/queues/distribution", params=asked).json()["slices"]
    assert [each["jobs"] for each in slices] == [0, 1, 2, 1]
    assert [each["start"] for each in slices] == [None, 0.0, 50.0, 100.0]
    assert client.get(f"{API}/queues/distribution", params={**asked, "start": 9, "end": 9}).status_code == 422
    assert client.get(f"{API}/queues/distribution", params={"name": "mail"}).status_code == 422


def test_a_queue_is_paused_with_a_reason(client: TestClient) -> None:
    queue_jobs(ADD, [{"a": 1}], "exports")
    wish = {"name": "exports", "reason": "S3 key rotation"}
    assert client.post(f"{API}/queues/pause", json=wish).status_code == 200
    assert Queue("exports").is_paused()
    exports = queues(client)["exports"]
    assert (exports["paused"], exports["paused_by"], exports["reason"]) == (True, "local", "S3 key rotation")
    assert client.post(f"{API}/queues/resume", json={"name": "exports"}).status_code == 200
    assert not Queue("exports").is_paused()
    assert queues(client)["exports"]["reason"] is None


def test_a_raw_queue_is_emptied_by_its_name(client: TestClient) -> None:
    queue_raw_jobs("x_raw", ["one", "two"])
    empty = f"{API}/queues/empty"
    assert client.post(empty, json={"name": "x_raw", "confirm": "x"}).status_code == 422
    assert client.post(empty, json={"name": "mail", "confirm": "mail"}).status_code == 422
    assert Queue("x_raw").size() == 2
    assert client.post(empty, json={"name": "x_raw", "confirm": "x_raw"}).status_code == 200
    assert Queue("x_raw").size() == 0
    assert client.get(f"{API}/audit").json()["entries"][0]["count"] == 2


def test_workers(client: TestClient, app: App) -> None:
    worker = serve(app, "mail")
    job = put(app, "started", worker=worker)
    running = {"id": job, "path": ADD, "datestarted": app.clock.now(), "stack": ['File "x.py", line 3, in run']}
    app.workers.report(worker, {"jobs": [running], "process": {"pid": 7, "cpu": {"percent": 12.5}, "mem": {"rss": 9}}})
    (found,) = client.get(f"{API}/workers").json()["workers"]
    assert (found["name"], found["greenlets"], found["pid"], found["memory"]) == ("eu-01", 10, 7, 9)
    assert (found["busy"], found["jobs"][0]["id"], found["jobs"][0]["stack"]) == (1, job, [])
    assert client.get(f"{API}/workers/{worker}").json()["jobs"][0]["stack"] == running["stack"]
    assert client.get(f"{API}/workers/{worker}").json()["id"] == str(worker)
    assert client.get(f"{API}/jobs/{job}").json()["running"]["stack"] == running["stack"]
    assert client.get(f"{API}/workers/{new_id()}").status_code == 404
    assert client.get(f"{API}/workers/{worker}/logs").json()["text"] == ""


def test_failures_in_groups(client: TestClient, app: App) -> None:
    for number in range(3):
        about = {"params": {"a": number, "shop": "fr", "token": "x"}, "message": f"no {number}, token=x"}
        last = put(app, "failed", exceptiontype="ValueError", **about)
    put(app, "timeout", exceptiontype="TimeoutInterrupt", path="other.Task")
    put(app, "retry", exceptiontype="ValueError")
    put(app, "success", params={"shop": "de"})
    found = client.get(f"{API}/failures").json()
    groups = [(group["task"], group["exceptiontype"], group["jobs"], group["message"]) for group in found["groups"]]
    assert groups == [(ADD, "ValueError", 3, "no 2, token=***"), ("other.Task", "TimeoutInterrupt", 1, "")]
    assert (found["complete"], found["looked_at"]) == (True, 4)
    (group, _) = found["groups"]
    assert (group["example"], group["exact"]) == (last, True)
    details = client.get(f"{API}/failures/{group['fingerprint']}").json()
    assert (details["group"], details["compared"]) == (group, 3)
    assert [(each["name"], each["value"], each["members"]) for each in details["shared"]] == [("shop", "fr", 1.0)]
    assert details["trend"] == [0] * 23 + [3]
    jobs = client.get(f"{API}/jobs", params={"fingerprint": group["fingerprint"], "status": "failed"}).json()["jobs"]
    assert len(jobs) == 3
    assert client.get(f"{API}/jobs/{last}").json()["fingerprint"] == group["fingerprint"]
    assert client.get(f"{API}/failures/none").status_code == 404


def test_failures_that_were_not_seen_before_the_last_deploy_are_new(client: TestClient, app: App) -> None:
    def news() -> dict[str, bool | None]:
        return {group["exceptiontype"]: group["new"] for group in client.get(f"{API}/failures").json()["groups"]}

    now = app.clock.now()
    put(app, "failed", exceptiontype="KeyError", now=now - timedelta(hours=2))
    put(app, "failed", exceptiontype="ValueError")
    assert news() == {"KeyError": None, "ValueError": None}, "nobody marks deploys"
    for hours in (1, 3):
        app.deploys.mark(Deploy(f"{hours} hours ago", now - timedelta(hours=hours)))
    assert news() == {"KeyError": False, "ValueError": True}
    name = app._database.mrq_jobs.find_one({"exceptiontype": "ValueError"})["fingerprint"]
    assert client.get(f"{API}/failures/{name}").json()["group"]["new"] is True
    given = SimpleNamespace(mrq=app, shower=Shower())
    me = Principal("me", Role.VIEWER, How.TOKEN, ("default",))
    assert {group.new for group in failure_groups(given, me).groups} == {None}  # type: ignore[arg-type]


def test_what_failed_jobs_share_holds_no_secret(client: TestClient, app: App) -> None:
    params = {"u": "https://u:pa55@h/", "line": "run with password=hunter2 now", "x": {"y" * 600: 1}}
    for _ in range(2):
        put(app, "failed", exceptiontype="ValueError", params=params)
        put(app, "success")
    (group,) = client.get(f"{API}/failures").json()["groups"]
    answer = client.get(f"{API}/failures/{group['fingerprint']}")
    shared = {each["name"]: each["value"] for each in answer.json()["shared"]}
    assert shared["u"] == "https://u:***@h/"
    assert shared["line"] == "run with password=*** now"
    assert max(map(len, shared)) <= 500


def test_the_reason_of_a_pause_is_told_until_it_is_resumed(client: TestClient) -> None:
    def why() -> list[str | None]:
        queue = client.get(f"{API}/queues/detail", params={"name": "exports"}).json()
        return [queue["reason"], queue["paused_by"]]

    client.post(f"{API}/queues/pause", json={"name": "exports", "reason": "they are wrong"})
    client.post(f"{API}/queues/limit", json={"name": "exports", "max_concurrency": 3})
    assert why() == ["they are wrong", "local"]
    client.post(f"{API}/queues/resume", json={"name": "exports"})
    Queue("exports").pause()
    assert why() == [None, None]


def test_failures_of_other_queues_are_not_told(app: App) -> None:
    mine = put(app, "failed", exceptiontype="ValueError", queue="mine", params={"shop": "fr"})
    put(app, "failed", exceptiontype="ValueError", queue="theirs", params={"shop": "de"}, message="theirs")
    put(app, "failed", exceptiontype="KeyError", queue="theirs")
    given = SimpleNamespace(mrq=app, shower=Shower())
    me = Principal("me", Role.VIEWER, How.TOKEN, ("mine",))
    (group,) = failure_groups(given, me).groups  # type: ignore[arg-type]
    assert (group.jobs, group.example, group.message) == (1, mine, "")
    details = failure_details(given, me, group.fingerprint)  # type: ignore[arg-type]
    assert (details.group, details.compared, details.shared) == (group, 1, [])
    with pytest.raises(RefusedError):
        failure_details(given, me, fingerprint(ADD, Signature("KeyError")))  # type: ignore[arg-type]


def test_what_needs_attention(client: TestClient, app: App) -> None:
    app.ensure_indexes()
    assert client.get(f"{API}/overview").json()["attention"] == []
    queue_jobs(ADD, [{"a": 1}], "nobodys")
    client.post(f"{API}/queues/pause", json={"name": "exports", "reason": "why"})
    put(app, "failed", exceptiontype="ValueError", traceback="x", dateupdated=app.clock.now())
    worker = serve(app, "mail", lease=0.0)
    long_ago = app.clock.now() - timedelta(minutes=10)
    app._database.mrq_workers.update_one({"_id": worker}, {"$set": {"datereported": long_ago}})
    overview = client.get(f"{API}/overview").json()
    assert [each["kind"] for each in overview["attention"]] == [
        "silent_worker", "unserved_queue", "failures", "paused_queue",
    ]  # fmt: skip
    assert overview["attention"][0]["target"] == str(worker)
    figures = overview["figures"]
    assert (figures["waiting"]["jobs"], figures["failed"]["jobs"], figures["workers"]) == (1, 1, 1)


def test_a_queue_that_grows_needs_attention(memory_client: TestClient, memory_app: App) -> None:
    serve(memory_app, "mail", "calm")
    now = memory_app.clock.now()
    for ago in range(8, 0, -1):
        start = Resolution.MINUTE.start_of(now) - timedelta(minutes=ago)
        looks = {"mail": Backlog(100 + 50 * (8 - ago)), "calm": Backlog(1000 - ago)}
        memory_app.stats_store.put_samples(QueueSamples(start, start, looks), now + timedelta(days=1))

    def attention() -> list[dict[str, Any]]:
        found = memory_client.get(f"{API}/overview").json()["attention"]
        return [each for each in found if each["kind"] != "no_index"]  # memory has none

    (item,) = attention()
    assert (item["kind"], item["target"], item["severity"]) == ("growing_queue", "mail", "warning")
    assert item["text"] == "mail grows: 100 jobs waited there, now 450"
    memory_client.post(f"{API}/queues/pause", json={"name": "mail", "reason": "why"})
    assert [each["kind"] for each in attention()] == ["paused_queue"]


@pytest.mark.parametrize(
    ("waiting", "grows"),
    [
        ([10, 20, 30, 40, 50, 60, 70, 80, 90], True),
        ([10, 10, 10, 10, 10, 60, 70, 80, 90], True),
        ([10, 20, 30, 40, 50], False),  # too few looks
        ([10, 20, 300, 200, 150, 120, 110, 100, 90], False),  # a burst that is worked off
        ([10, 10, 10, 10, 10, 10, 10, 10, 90], False),  # one look is no trend
        ([1000, 1001, 1002, 1010, 1020, 1030, 1040, 1050, 1060], False),  # little, beside what is there
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], False),
        ([90, 80, 70, 60, 50, 40, 30, 20, 10], False),
    ],
)
def test_what_growth_is(waiting: list[int], grows: bool) -> None:
    start = datetime(2026, 1, 1)
    moments = [start + timedelta(minutes=number) for number in range(len(waiting))]
    looks = [QueueSamples(at, at, {"q": Backlog(many)}) for at, many in zip(moments, waiting, strict=True)]
    found = growth(looks, "q")
    assert found == (Growth(waiting[0], waiting[-1], start) if grows else None)


def test_what_was_counted_up_to_a_limit_is_at_least_so_much(
    memory_client: TestClient, memory_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "most_counted", lambda _queues: 2)
    queue_jobs(ADD, [{"a": 1}], "one")
    queue_jobs(ADD, [{"a": 1}] * 3, "three")
    serve(memory_app, "mail", lease=-60.0)
    said = [each["text"] for each in memory_client.get(f"{API}/overview").json()["attention"]]
    assert "Nothing serves one, in which 1 job waits" in said
    assert "Nothing serves three, in which at least 2 jobs wait" in said
    assert [text for text in said if text.endswith("; 0 jobs were started there")]


def test_percentiles_are_of_the_whole_time_too(memory_client: TestClient, memory_app: App) -> None:
    for minutes, seconds, runs in ((9, 100.0, 9), (3, 1.0, 9), (1, 2.0, 1)):
        counted(memory_app, minutes, seconds, runs)
    found = memory_client.get(f"{API}/statistics", params={"queue": "mail"}).json()
    assert [each["run"]["p95"] for each in found["figures"]] == pytest.approx([100, 1, 2], rel=0.06)
    whole = found["whole"]
    assert (whole["settled"], whole["run"]["p95"], whole["queue"]) == (19, pytest.approx(100, rel=0.06), "mail")
    nothing = memory_client.get(f"{API}/statistics", params={"queue": "none"}).json()
    assert (nothing["whole"]["settled"], nothing["whole"]["run"]) == (0, None)


def test_how_much_a_run_makes_its_process_grow_is_said_where_that_is_measured(
    memory_client: TestClient, memory_app: App
) -> None:
    counted(memory_app, 3, 1.0, 10, grown=40_960)
    counted(memory_app, 2, 1.0, 10, path="tasks.Other")
    found = memory_client.get(f"{API}/statistics/totals?by=task").json()["figures"]
    assert {each["task"]: each["growth"] for each in found} == {ADD: 4096, "tasks.Other": None}


def test_a_missing_index_is_said(client: TestClient, app: App) -> None:
    app._database.mrq_jobs.drop_index("mrq_failed")
    attention = client.get(f"{API}/overview").json()["attention"]
    assert {("no_index", "mrq_failed")} == {(each["kind"], each["target"]) for each in attention}
    assert client.get(f"{API}/failures").status_code == 200


def test_statistics(client: TestClient, app: App) -> None:
    serve(app, "mail")
    for path in ("", "/totals", "/totals?by=task", "/fleet", "/queue?name=mail", f"/workers/{new_id()}"):
        answer = client.get(f"{API}/statistics{path}")
        assert answer.status_code == 200, (path, answer.text)
    assert client.get(f"{API}/statistics?start=2020-01-01&end=2026-01-01&resolution=minute").status_code == 422
    assert client.get(f"{API}/statistics?start=2026-01-02&end=2026-01-01").status_code == 422
    assert client.get(f"{API}/statistics/workers/x").status_code == 422


def test_a_limit_is_set_at_run_time(client: TestClient) -> None:
    def limit() -> tuple[int | None, bool]:
        found = client.get(f"{API}/queues/detail", params={"name": "narrow"}).json()
        return found["max_concurrency"], found["limit_is_own"]

    def say(jobs: int | None, name: str = "narrow") -> int:
        return client.post(f"{API}/queues/limit", json={"name": name, "max_concurrency": jobs}).status_code

    assert limit() == (None, False)
    assert say(3) == 200
    assert limit() == (3, True)
    assert say(0) == 200
    assert limit() == (None, True)
    assert say(None) == 200
    assert limit() == (None, False)
    assert (say(-1), say(1, "narrow/eu")) == (422, 422)
    assert [entry["about"] for entry in client.get(f"{API}/audit").json()["entries"]] == [
        {"max_concurrency": None}, {"max_concurrency": 0}, {"max_concurrency": 3},
    ]  # fmt: skip


def test_what_is_too_much_to_count_is_told_from_the_last_look(
    client: TestClient, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard_queues, "KEYS", 0)
    queue_jobs(ADD, [{"a": number} for number in range(600)], "long")
    now = app.clock.now()
    start = Resolution.MINUTE.start_of(now)

    def shown() -> tuple[Any, Any]:
        (queue,) = client.get(f"{API}/queues").json()["queues"]
        return queue["waiting"], queue["lately"]

    assert shown() == ({"jobs": 500, "exact": False}, None)
    looks = {"long": Backlog(550, 40)}
    app.stats_store.put_samples(QueueSamples(start, now, looks), now + timedelta(days=1))
    assert shown() == ({"jobs": 500, "exact": False}, 590)
    assert client.get(f"{API}/statistics/backlogs").json()["queues"] == [{"queue": "long", "waiting": [590]}]


def test_deploys_are_marked(client: TestClient) -> None:
    stats.mark_deploy("v7")
    assert [each["version"] for each in client.get(f"{API}/statistics/deploys").json()["deploys"]] == ["v7"]
