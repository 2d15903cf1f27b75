"""Who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import get_app
from mrq.domain.status import Status
from mrq.exceptions import ConfigError, ServerUnavailableError
from mrq.job import queue_job, queue_jobs
from mrq.testing import memory_app
from mrq_dashboard import refusals
from mrq_dashboard.application import create_app
from support.dashboards import ADD, API
from support.dashboardusers import TABLE, bearer

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

READS = ["overview", "jobs", "jobs/count", "queues", "failures", "workers", "schedules", "tasks", "operations",
         "settings"]  # fmt: skip
STEERS = [
    ("POST", "jobs/{job}/requeue", {}), ("POST", "jobs/{job}/cancel", {}),
    ("POST", "queues/pause", {"name": "q"}), ("POST", "queues/resume", {"name": "q"}),
    ("POST", "operations", {"action": "cancel", "filter": {}}), ("POST", "jobs", {"task": ADD, "params": {"a": 1}}),
]  # fmt: skip
RULES = [
    ("POST", "queues/empty", {"name": "q_raw", "confirm": "q_raw"}), ("GET", "audit", None),
    ("GET", "audit/export", None),
    ("POST", "schedules", {"task": ADD, "interval": 60, "name": "n"}),
]  # fmt: skip


def refused_entries(client: TestClient) -> list[tuple[str, str, str]]:
    entries = client.get(f"{API}/audit", headers=bearer("admin")).json()["entries"]
    return [(e["who"], e["target"], e["outcome"]) for e in entries if e["what"] == refusals.WHAT]


@pytest.mark.parametrize("role", ["nobody", "viewer", "operator", "admin"])
def test_each_role_may_do_its_part(dashboard: Callable[..., TestClient], role: str) -> None:
    client = dashboard(dashboard_tokens=TABLE, tasks={ADD: {}})
    job = queue_job(ADD, {"a": 1})
    headers = bearer(role) if role != "nobody" else {}

    def status(method: str, path: str, body: Any = None) -> int:
        return client.request(method, f"{API}/{path.format(job=job)}", json=body, headers=headers).status_code

    reads = {status("GET", path) for path in READS}
    steers = {status(*each) for each in STEERS}
    rules = {status(*each) for each in RULES}
    expected = {
        "nobody": ({401}, {401}, {401}), "viewer": ({200}, {403}, {403}), "operator": ({200}, {200}, {403}),
        "admin": ({200}, {200}, {200}),
    }  # fmt: skip
    assert (reads, steers, rules) == expected[role]


def test_logs_of_all_jobs_are_not_for_those_who_see_some(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_tokens=TABLE)
    job = queue_job(ADD, {"a": 1}, "mail")
    secret = queue_job(ADD, {"a": 1}, "secret")
    status = {
        query: client.get(f"{API}/logs{query}", headers=bearer("scoped")).status_code
        for query in ("", f"?job={job}", f"?job={secret}")
    }
    assert list(status.values()) == [403, 200, 404]


def test_every_route_asks_who_one_is(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_tokens=TABLE)
    document = client.get(f"{API}/openapi.json").json()
    open_to_all = {("/api/v1/session", "get"), ("/api/v1/session", "post"), ("/api/v1/session", "delete"),
                   ("/health", "get"), ("/ready", "get")}  # fmt: skip
    asked = 0
    for path, methods in document["paths"].items():
        for method in methods:
            if (path, method) in open_to_all:
                continue
            url = path.replace("{", "").replace("}", "")
            answer = client.request(method, url, json={} if method in ("post", "put") else None)
            assert answer.status_code in (401, 422), (path, method)
            asked += answer.status_code == 401
    assert asked > 20
    old = ["workers", "api/datatables/jobs?sEcho=1", "api/workergroups", "api/logs", f"api/job/{'0' * 24}/result"]
    assert {client.get(f"/{path}").status_code for path in old} == {401}
    assert client.post("/api/jobaction", data={"action": "cancel"}).status_code == 401


def test_without_authentication_it_is_for_this_host_alone(dashboard: Callable[..., TestClient]) -> None:
    with memory_app() as app, pytest.raises(ConfigError, match="open to everybody"):
        create_app(app)
    client = dashboard(local_only=True)
    assert client.get(f"{API}/overview").status_code == 200
    rebound = client.get(f"{API}/overview", headers={"host": "evil.example:5555"})
    assert (rebound.status_code, rebound.json()["error"]) == (403, "wrong_host")


def test_scope_by_queue(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_tokens=TABLE, tasks={ADD: {"queue": "mail"}, "mrq.basetasks.utils.JobAction": {}})
    client.headers.update(bearer("scoped"))
    seen = [queue_job(ADD, {"a": 1}, queue) for queue in ("crawl/eu", "mail")]
    hidden = queue_job(ADD, {"a": 1}, "crawl")
    queue_jobs(ADD, [{"a": 2}], "other/x")
    assert [job["id"] for job in client.get(f"{API}/jobs").json()["jobs"]] == [str(job) for job in seen[::-1]]
    assert client.get(f"{API}/jobs/count").json()["jobs"] == 2
    assert client.get(f"{API}/jobs", params={"queue": "other/x"}).status_code == 403
    assert client.get(f"{API}/jobs/{hidden}").status_code == 404
    assert client.post(f"{API}/jobs/{hidden}/cancel", json={}).status_code == 404
    assert client.post(f"{API}/jobs/{seen[0]}/requeue", json={"queue": "other/x"}).status_code == 403
    assert client.post(f"{API}/queues/pause", json={"name": "crawl"}).status_code == 403
    assert client.post(f"{API}/queues/pause", json={"name": "crawl/eu"}).status_code == 200
    assert client.get(f"{API}/queues/head", params={"name": "other/"}).status_code == 403
    queues = {queue["name"] for queue in client.get(f"{API}/queues").json()["queues"]}
    assert queues == {"crawl/", "crawl/eu", "mail"}
    assert client.get(f"{API}/overview").json()["figures"]["waiting"]["jobs"] == 3  # crawl/ and crawl/eu are the same
    counted = client.post(f"{API}/operations", json={"action": "cancel", "filter": {}}).json()
    assert counted["total"]["jobs"] == 2
    begun = client.post(f"{API}/operations", json={"action": "cancel", "filter": {}, "dry_run": False}).json()
    assert client.get(f"{API}/operations/{begun['operation']['id']}").json()["moved"] == 2
    assert get_app().jobs.count_by_queue(Status.QUEUED) == {"crawl": 1, "other/x": 1}
    assert client.post(f"{API}/jobs", json={"task": ADD, "queue": "other/x"}).status_code == 403
    assert client.post(f"{API}/jobs", json={"task": "mrq.basetasks.utils.JobAction"}).status_code == 403
    assert client.post("/api/jobaction", data={"action": "cancel"}).status_code == 403
    assert client.get(f"{API}/statistics/fleet").status_code == 403
    assert client.get(f"{API}/statistics/fleet", headers=bearer("admin")).status_code == 200


@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize(("scope", "name", "status"), [
    ("crawl/eu/", "crawl/eu/", 422), ("crawl/eu/", "crawl", 403), ("crawl/", "crawl/", 403),
    ("crawl/", "crawl/eu", 200), ("crawl/eu/", "crawl/eu/x", 200),
])  # fmt: skip
def test_nobody_pauses_or_resumes_more_than_he_sees(
    dashboard: Callable[..., TestClient], verb: str, scope: str, name: str, status: int
) -> None:
    table = {"scoped": {**TABLE["scoped"], "queues": [scope]}, "admin": TABLE["admin"]}
    client = dashboard(dashboard_tokens=table)
    for queue in ("crawl", name) if verb == "resume" and status == 200 else ("crawl",) * (verb == "resume"):
        assert client.post(f"{API}/queues/pause", json={"name": queue}, headers=bearer("admin")).status_code == 200
    answer = client.post(f"{API}/queues/{verb}", json={"name": name}, headers=bearer("scoped"))
    assert answer.status_code == status, answer.text
    paused = {"crawl"} if verb == "resume" else {name} if status == 200 else set()
    assert get_app().pauses.paused() == paused


def test_requests_have_a_size_and_a_kind(memory_client: TestClient) -> None:
    client, url = memory_client, f"{API}/queues/pause"
    assert client.post(url, content=b"x" * 1_100_000).status_code == 413
    for path, kind in ((url, "application/json"), ("/api/jobaction", "application/x-www-form-urlencoded")):
        pieces = (b"x" * 100_000 for _ in range(11))  # no content-length
        answer = client.post(path, content=pieces, headers={"content-type": kind})
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large"), path
    assert client.post(url, data={"name": "q"}).status_code == 415
    assert client.post(url, content='{"name": "q"}', headers={"content-type": "text/plain"}).status_code == 415
    assert client.post(url, content="{", headers={"content-type": "application/json"}).status_code == 422


def test_headers_of_each_answer(memory_client: TestClient) -> None:
    for path in ("/", "/health", f"{API}/jobs", f"{API}/jobs/x", "/nothing"):
        headers = memory_client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"


def test_what_a_role_or_a_scope_forbids_is_in_the_audit_log_once(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_tokens=TABLE)
    for _ in range(3):
        assert client.post(f"{API}/queues/pause", json={"name": "q"}, headers=bearer("viewer")).status_code == 403
    assert client.get(f"{API}/jobs", params={"queue": "secret"}, headers=bearer("scoped")).status_code == 403
    assert client.get(f"{API}/audit", headers=bearer("scoped")).status_code == 403
    assert client.get(f"{API}/audit").status_code == 401
    assert refused_entries(client) == [
        ("scoped", f"GET {API}/audit", "refused"), ("scoped", f"GET {API}/jobs", "refused"),
        ("viewer", f"POST {API}/queues/pause", "refused"),
    ]  # fmt: skip
    found = client.get(f"{API}/audit", params={"user": "viewer"}, headers=bearer("admin")).json()["entries"][0]
    assert found["about"] == {"why": "this needs the role operator; viewer is viewer"}


def test_refusals_can_not_flood_the_audit_log(
    dashboard: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST", 3)
    client = dashboard(dashboard_tokens=TABLE)
    for n in range(10):
        assert client.post(f"{API}/jobs/{n}/cancel", json={}, headers=bearer("viewer")).status_code == 403
    assert len(refused_entries(client)) == 3


def test_a_refusal_is_answered_though_it_can_not_be_noted(
    dashboard: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = dashboard(dashboard_tokens=TABLE)

    def away(*_args: object) -> int:
        raise ServerUnavailableError("Redis is away")

    monkeypatch.setattr(type(get_app().rates), "remaining", away)
    assert client.get(f"{API}/audit", headers=bearer("viewer")).status_code == 403
    assert "a refusal was not written into the audit log" in caplog.text
