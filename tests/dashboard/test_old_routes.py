"""MRQ 0.9's JSON routes, with its names and shapes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from mrq.job import Job, queue_jobs, queue_raw_jobs
from mrq.ports.logs import LogText
from mrq.stores.ids import new_id
from mrq_dashboard import keeping, services, tasks
from support.dashboards import ADD, counted, put

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from mrq.app import App

UNITS = ["taskexceptions", "status", "taskpaths", "queues", "workers", "agents", "scheduled_jobs", "jobs"]


def rows(client: TestClient, unit: str, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/api/datatables/{unit}", params={"sEcho": "7", **asked})
    assert answer.status_code == 200, answer.text
    assert answer.json()["sEcho"] == "7"
    found: list[dict[str, Any]] = answer.json()["aaData"]
    return found


@pytest.mark.parametrize("unit", UNITS)
def test_each_table_wants_an_echo(memory_client: TestClient, unit: str) -> None:
    assert rows(memory_client, unit) == [] or unit == "queues"
    assert memory_client.get(f"/api/datatables/{unit}").status_code == 422
    assert memory_client.get("/api/datatables/nothing", params={"sEcho": "1"}).status_code == 404


def test_the_table_of_jobs(client: TestClient, app: App) -> None:
    a = put(app, "failed", exceptiontype="ValueError", params={"n": 1}, queue="crawl/eu")
    b = put(app, "success", path="shop.Parse")
    assert [row["_id"] for row in rows(client, "jobs")] == [b, a]
    assert [row["_id"] for row in rows(client, "jobs", iDisplayStart=1, iDisplayLength=1)] == [a]
    assert [row["_id"] for row in rows(client, "jobs", status="failed-timeout")] == [a]
    for asked in (
        {"id": a},
        {"queue": "crawl/"},
        {"path": "*add"},
        {"exceptiontype": "Value*"},
        {"params": '{"n": 1}'},
    ):
        assert [row["_id"] for row in rows(client, "jobs", **asked)] == [a]
    (waiting,) = queue_jobs(ADD, [{"a": 1}], "waiting")
    assert [row["_id"] for row in rows(client, "jobs", redisqueue="waiting")] == [str(waiting)]
    assert rows(client, "jobs", redisqueue="empty") == []
    answer = client.get("/api/datatables/jobs", params={"sEcho": "1", "iDisplayLength": 1})
    assert answer.json()["iTotalDisplayRecords"] == 3
    assert client.get("/api/datatables/jobs", params={"sEcho": "1", "status": "x"}).status_code == 422


def test_the_other_tables(client: TestClient, app: App) -> None:
    put(app, "failed", exceptiontype="ValueError")
    queue_jobs(ADD, [{"a": 1}], "mail")
    app.settings.raw_queues["p_timed_set"] = {}
    queue_raw_jobs("p_timed_set", {"a": 1.0})
    assert rows(client, "taskexceptions") == [{"_id": {"path": ADD, "exceptiontype": "ValueError"}, "jobs": 1}]
    assert {(row["_id"], row["jobs"]) for row in rows(client, "status")} == {("failed", 1), ("queued", 1)}
    assert rows(client, "taskpaths") == [{"_id": ADD, "jobs": 2}]
    queues = {row["name"]: row for row in rows(client, "queues")}
    assert queues["mail"] == {
        "name": "mail", "size": 1, "is_sorted": False, "is_timed": False, "is_raw": False, "is_set": False,
    }  # fmt: skip
    timed = queues["p_timed_set"]
    assert (timed["size"], timed["jobs_to_dequeue"], sum(timed["graph"])) == (1, 1, 1)
    assert timed["graph_config"]["slices"] == 30


def test_the_table_of_tasks_has_those_too_that_ran_long_ago(
    memory_client: TestClient, memory_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "LOOKED_AT", 1)
    queue_jobs("shop.Old", [{}], "mail")
    queue_jobs("shop.New", [{}], "mail")
    assert [row["_id"] for row in rows(memory_client, "taskpaths")] == ["shop.New"]
    counted(memory_app, 30, 1.0, 1, "shop.Old")
    later = time.monotonic() + services.RAN_KEPT
    monkeypatch.setattr(keeping.time, "monotonic", lambda: later)  # what was counted is read once in a while
    assert {row["_id"] for row in rows(memory_client, "taskpaths")} == {"shop.New", "shop.Old"}


def test_one_job(client: TestClient, app: App) -> None:
    job = put(app, "failed", traceback="Traceback\nValueError", traceback_history=[{"status": "failed"}], result=5)
    fine = put(app, "success")
    assert client.get(f"/api/job/{job}/result").json() == {"result": 5}
    assert client.get(f"/api/job/{fine}/result").json() == {}
    found = client.get(f"/api/job/{job}/traceback").json()
    assert found == {"_id": job, "traceback": "Traceback\nValueError", "traceback_history": [{"status": "failed"}]}
    assert client.get(f"/api/job/{fine}/traceback").json() == {"traceback": "No exception raised"}


def test_logs_go_on_where_they_ended(client: TestClient, app: App) -> None:
    job = put(app, "success")
    assert app.logs is not None
    app.logs.append([LogText(new_id(), "one\n", job=app.jobs.parse_id(job))])
    first = client.get("/api/logs", params={"job": job}).json()
    assert first["logs"] == "one\n"
    app.logs.append([LogText(new_id(), "two\n", job=app.jobs.parse_id(job))])
    again = client.get("/api/logs", params={"job": job, "last_log_id": first["last_log_id"]}).json()
    assert again["logs"] == "two\n"
    assert client.get("/api/logs").status_code == 422
    worker = new_id()
    nothing = client.get("/api/logs", params={"worker": str(worker)}).json()
    app.logs.append([LogText(new_id(), "late\n", worker=worker)])
    since = {"worker": str(worker), "last_log_id": nothing["last_log_id"]}
    assert (nothing["logs"], client.get("/api/logs", params=since).json()["logs"]) == ("", "late\n")


def test_a_form_queues_an_action_unless_it_comes_from_another_site(client: TestClient) -> None:
    form = {"action": "cancel", "status": "queued-started", "queue": "mail"}
    foreign = client.post("/api/jobaction", data=form, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert client.post("/api/jobaction", data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    own = client.post("/api/jobaction", data=form, headers={"origin": "http://127.0.0.1:5555"})
    data = Job(own.json()["job_id"]).fetch().data or {}
    assert data["path"] == "mrq.basetasks.utils.JobAction"
    assert data["params"] == {"action": "cancel", "status": ["queued", "started"], "queue": "mail"}
    assert data["queue"] == "default"


def test_agents_and_worker_groups(client: TestClient, app: App) -> None:
    app.agents.put_group("crawlers", {"commands": ["mrq-worker crawl/"]})
    assert client.get("/api/workergroups").json()["workergroups"]["crawlers"]["commands"] == ["mrq-worker crawl/"]
    app.agents.report(new_id(), {"status": "started", "worker_group": "crawlers"}, 60)
    app.agents.report(new_id(), {"status": "stop", "worker_group": "crawlers"}, 60)
    assert [row["status"] for row in rows(client, "agents")] == ["started"]
    assert len(rows(client, "agents", showstopped="1")) == 2


def test_workers_are_data_for_programs_and_a_page_for_browsers(memory_client: TestClient) -> None:
    assert memory_client.get("/workers").json() == {"workers": []}
    assert memory_client.get("/api/workergroups").json() == {"workergroups": {}}
    page = memory_client.get("/workers", headers={"accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
