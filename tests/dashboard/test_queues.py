"""Queues, workers and statistics: on real servers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq import stats
from mrq.app import get_app
from mrq.domain.stats import Backlog, QueueSamples, Resolution
from mrq.job import queue_jobs, queue_raw_jobs
from mrq.queue import Queue
from mrq.stores.ids import new_id
from mrq_dashboard import queues as dashboard_queues
from mrq_dashboard.authentication import new_token
from support.dashboards import ADD, API, counted, put, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from mrq.app import App


def queues(client: TestClient) -> dict[str, dict[str, Any]]:
    """All queues by name."""
    answer = client.get(f"{API}/queues")
    assert answer.status_code == 200, answer.text
    return {queue["name"]: queue for queue in answer.json()["queues"]}


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


def test_the_tasks_of_one_queue(dashboard: Callable[..., TestClient]) -> None:
    token, hashed = new_token()
    client = dashboard(dashboard_tokens={"leo": {"hash": hashed, "queues": ["mail"]}})
    client.headers["authorization"] = f"Bearer {token}"
    counted(get_app(), 3, 1.0, 2)
    counted(get_app(), 4, 2.0, 3, path="shop.Send")

    def tasks(**asked: str) -> Any:
        answer = client.get(f"{API}/statistics/totals", params={"by": "task", **asked})
        found = answer.json().get("figures", [])
        return answer.status_code, [(each["task"], each["settled"]) for each in found]

    assert tasks(queue="mail") == (200, [("shop.Send", 3), (ADD, 2)])
    assert tasks(queue="other") == (403, [])
    assert tasks() == (403, []), "those of all queues are not for him"


def test_figures_of_all_subqueues_are_not_for_who_sees_one_of_them(dashboard: Callable[..., TestClient]) -> None:
    tokens = {name: new_token() for name in ("one", "all")}
    scopes = {"one": ["crawl/eu"], "all": ["crawl/"]}
    client = dashboard(
        dashboard_tokens={name: {"hash": hashed, "queues": scopes[name]} for name, (_, hashed) in tokens.items()}
    )
    paths = ("?queue=crawl/eu", "/totals?by=task&queue=crawl/eu", "/queue?name=crawl/eu")
    for name, status in (("one", 403), ("all", 200)):
        client.headers["authorization"] = f"Bearer {tokens[name][0]}"
        assert [client.get(f"{API}/statistics{path}").status_code for path in paths] == [status] * 3


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
