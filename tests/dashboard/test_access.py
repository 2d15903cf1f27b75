"""Who may do what."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import get_app
from mrq.domain.status import Status
from mrq.exceptions import ConfigError, ServerUnavailableError
from mrq.job import queue_job, queue_jobs
from mrq.testing import memory_app
from mrq.version import VERSION
from mrq_dashboard import refusals, tries
from mrq_dashboard.application import create_app
from mrq_dashboard.authentication import COOKIE, hash_password, new_token
from support.dashboards import ADD, API

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2 as httpx
    from fastapi.testclient import TestClient

PASSWORD = "correct horse"
HASH = hash_password(PASSWORD)
TOKENS = {name: new_token() for name in ("viewer", "operator", "admin", "scoped")}
TABLE: dict[str, Any] = {name: {"hash": hashed, "role": name} for name, (_, hashed) in TOKENS.items()}
TABLE["scoped"] |= {"role": "operator", "queues": ["crawl/", "mail"]}
USERS = {"anna": {"password": HASH, "role": "operator"}, "leo": {"role": "viewer"}}


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {TOKENS[name][0]}"}


def log_in(client: TestClient, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return client.post(f"{API}/session", json={"user": "anna", "password": password}, headers=headers)


READS = ["overview", "jobs", "jobs/count", "queues", "failures", "workers", "schedules", "tasks", "operations"]
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


def test_a_session(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_users=USERS, dashboard_secret="s", dashboard_environment="staging")
    unknown = client.get(f"{API}/session").json()
    assert [unknown[name] for name in ("user", "version", "environment", "links")] == [None, "", "", []]
    assert log_in(client, "wrong").status_code == 401
    answer = log_in(client)
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 200
    assert all(word in cookie for word in (COOKIE, "HttpOnly", "SameSite=lax", "Path=/"))
    session = client.get(f"{API}/session").json()
    assert (session["user"], session["role"], session["how"]) == ("anna", "operator", "session")
    assert (session["version"], session["environment"]) == (VERSION, "staging")
    pause = {"name": "q"}
    assert client.post(f"{API}/queues/pause", json=pause).json()["error"] == "csrf"
    right = {"x-csrf-token": session["csrf_token"]}
    assert client.post(f"{API}/queues/pause", json=pause, headers=right).status_code == 200
    elsewhere = {**right, "origin": "https://evil.example"}
    assert client.post(f"{API}/queues/pause", json=pause, headers=elsewhere).json()["error"] == "other_site"
    assert client.post(f"{API}/queues/pause", json=pause, headers={**right, "origin": "null"}).status_code == 403
    same = {**right, "origin": "http://127.0.0.1:5555"}
    assert client.post(f"{API}/queues/pause", json=pause, headers=same).status_code == 200
    assert client.delete(f"{API}/session").status_code == 200
    assert client.get(f"{API}/overview").status_code == 401


def test_who_logs_out_takes_copies_of_the_cookie_along_and_no_other_session(
    dashboard: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = dashboard(dashboard_users=USERS, dashboard_secret="s")
    cookies = [log_in(client).cookies[COOKIE] for _ in range(3)]
    locks = get_app().locks

    def user_of(cookie: str) -> str | None:
        user: str | None = client.get(f"{API}/session", headers={"cookie": f"{COOKIE}={cookie}"}).json()["user"]
        return user

    def log_out(cookie: str) -> int:
        return client.delete(f"{API}/session", headers={"cookie": f"{COOKIE}={cookie}"}).status_code

    client.cookies.clear()
    assert (log_out(cookies[0]), [user_of(cookie) for cookie in cookies]) == (200, [None, "anna", "anna"])
    assert log_out(cookies[0]) == 200  # once more is nothing
    with monkeypatch.context() as redis_is_away:
        for name in ("acquire", "is_held"):
            redis_is_away.setattr(locks, name, raises(ServerUnavailableError("away")))
        assert log_out(cookies[1]) == 200
    assert user_of(cookies[1]) == "anna"
    done = [(each.who, each.outcome) for each in get_app().audit.page(10) if each.what == "session.logout"]
    assert done == [("anna", "failed"), ("anna", "done")]


def raises(error: Exception) -> Callable[..., Any]:
    def call(*_: Any) -> Any:
        raise error

    return call


def test_a_session_ends_with_the_password_or_the_user(dashboard: Callable[..., TestClient]) -> None:
    log_in(first := dashboard(dashboard_users=USERS, dashboard_secret="s"))
    cookie = first.cookies[COOKIE]

    def known_to(**settings: Any) -> bool:
        other = dashboard(dashboard_tokens=TABLE, **settings)
        return other.get(f"{API}/session", headers={"cookie": f"{COOKIE}={cookie}"}).json()["user"] == "anna"

    assert known_to(dashboard_users=USERS, dashboard_secret="s")
    assert not known_to(dashboard_users=USERS, dashboard_secret="other")
    assert not known_to(dashboard_users={"leo": {}}, dashboard_secret="s")
    assert not known_to(dashboard_users={"anna": {"password": hash_password("new")}}, dashboard_secret="s")
    assert not known_to(dashboard_users={"anna": {}}, dashboard_secret="s")


def test_passwords_can_not_be_tried_for_ever(
    dashboard: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "TRIES", 2)
    monkeypatch.setattr(tries, "PER", 10**9)  # seconds: no window ends meanwhile
    client = dashboard(dashboard_users=USERS)
    assert [log_in(client, "wrong").status_code for _ in range(3)] == [401, 401, 429]
    assert log_in(client).status_code == 429


def basic(text: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize("path", [f"{API}/jobs", f"{API}/session", "/api/datatables/jobs?sEcho=1"])
def test_passwords_of_http_basic_are_counted_and_noted(
    dashboard: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(tries, "TRIES", 2)
    monkeypatch.setattr(tries, "PER", 10**9)
    client = dashboard(dashboard_httpauth="admin:right")
    client._transport.client = ("10.0.0.1", 1)  # type: ignore[attr-defined]
    wrong = 200 if path.endswith("session") else 401
    assert [client.get(path, headers=basic("admin:right")).status_code for _ in range(4)] == [200] * 4
    answers = [client.get(path, headers=basic("admin:wrong")).status_code for _ in range(3)]
    assert answers == [wrong, wrong, 429]
    assert client.get(path, headers=basic("admin:right")).status_code == 429  # else the answer would tell it
    entries = [(entry.who, entry.what, entry.target, entry.outcome) for entry in get_app().audit.page(9)]
    assert entries == [("admin", "session.login", "10.0.0.1", "refused")] * 2


def test_the_form_of_mrq_0_9_counts_passwords_too(
    dashboard: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "TRIES", 1)
    monkeypatch.setattr(tries, "PER", 10**9)
    client = dashboard(dashboard_httpauth="admin:right")
    status = [client.post("/api/jobaction", data={}, headers=basic("x:wrong")).status_code for _ in range(2)]
    assert status == [401, 429]


def test_nobody_without_a_password_logs_in(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_users=USERS)
    for user in ("leo", "nobody"):
        for password in ("", "\0", "x"):
            answer = client.post(f"{API}/session", json={"user": user, "password": password})
            assert answer.status_code == 401


def test_wrong_tokens(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_tokens=TABLE)
    for given in ("Bearer", "Bearer x", "Bearer \xe9", f"Basic {TOKENS['admin'][0]}", TABLE["admin"]["hash"]):
        assert client.get(f"{API}/jobs", headers={"authorization": given.encode("latin-1")}).status_code == 401  # type: ignore[dict-item]


def test_the_one_password_of_mrq_0_9(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_httpauth="admin:pa:ss")

    assert client.get(f"{API}/audit", headers=basic("admin:pa:ss")).status_code == 200
    assert client.get(f"{API}/jobs", headers=basic("admin:pa")).status_code == 401
    assert client.get(f"{API}/jobs", headers={"authorization": "Basic !"}).status_code == 401
    assert client.post(f"{API}/session", json={"user": "admin", "password": "pa:ss"}).status_code == 200
    assert client.get(f"{API}/session").json()["role"] == "admin"
    other = {**basic("admin:pa:ss"), "origin": "https://evil.example"}
    assert client.post(f"{API}/queues/pause", json={"name": "q"}, headers=other).status_code == 403


def test_a_trusted_proxy_names_the_user(dashboard: Callable[..., TestClient]) -> None:
    about: dict[str, Any] = {"dashboard_proxy_header": "X-Forwarded-User", "dashboard_users": USERS}

    def who(name: str, **settings: Any) -> Any:
        client = dashboard(**{**about, **settings})
        client._transport.client = ("10.1.2.3", 1)  # type: ignore[attr-defined]
        return client.get(f"{API}/session", headers={"x-forwarded-user": name}).json()

    trusted = {"dashboard_proxies": ["10.0.0.0/8"]}
    assert (who("leo", **trusted)["role"], who("leo", **trusted)["how"]) == ("viewer", "proxy")
    assert who("anna", **trusted)["role"] == "operator"
    assert who("new", **trusted)["role"] == "viewer"
    assert who("new", **trusted, dashboard_proxy_role="")["user"] is None
    assert who("anna", dashboard_proxies=["192.168.0.1"])["user"] is None
    with memory_app(**about) as app, pytest.raises(ConfigError, match="DASHBOARD_PROXIES"):
        create_app(app)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dashboard_users": {"a": {"password": "plain"}}}, "hash_password"),
        ({"dashboard_users": {"a": {"role": "king"}}}, "king"),
        ({"dashboard_users": {"a": {"colour": 1}}}, "colour"),
        ({"dashboard_users": {"a": {"queues": "q"}}}, "queues"),
        ({"dashboard_tokens": {"a": {}}}, "new_token"),
        ({"dashboard_httpauth": "x"}, "user:password"),
        ({"dashboard_httpauth": "anna:pw", "dashboard_users": USERS}, "anna"),
        ({"dashboard_proxies": ["x"]}, "network"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], message: str) -> None:
    with memory_app(**settings) as app, pytest.raises(ConfigError, match=message) as caught:
        create_app(app)
    assert "plain" not in str(caught.value)


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


def refused_entries(client: TestClient) -> list[tuple[str, str, str]]:
    entries = client.get(f"{API}/audit", headers=bearer("admin")).json()["entries"]
    return [(e["who"], e["target"], e["outcome"]) for e in entries if e["what"] == refusals.WHAT]


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
