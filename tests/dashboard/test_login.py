"""Sessions, passwords, tokens, proxies: who somebody is."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import get_app
from mrq.exceptions import ConfigError, ServerUnavailableError
from mrq.testing import memory_app
from mrq.version import VERSION
from mrq_dashboard import tries
from mrq_dashboard.application import create_app
from mrq_dashboard.authentication import COOKIE, hash_password
from support.dashboards import API, raises
from support.dashboardusers import TABLE, TOKENS, USERS, log_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient


def basic(text: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


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
