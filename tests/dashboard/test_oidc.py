"""Logging in by OpenID Connect, against a provider that signs its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mrq.exceptions import ConfigError
from mrq.testing import memory_app
from mrq_dashboard import authentication, oidc
from mrq_dashboard.application import create_app
from mrq_dashboard.oidc import COOKIE, safe_path
from support.dashboards import API
from support.oidcprovider import CLIENT, PASSWORD, OidcProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2 as httpx
    from fastapi.testclient import TestClient


@pytest.fixture(scope="module")
def running() -> Iterator[OidcProvider]:
    started = OidcProvider()
    yield started
    started.close()


@pytest.fixture
def provider(running: OidcProvider, monkeypatch: pytest.MonkeyPatch) -> OidcProvider:
    """As if it had just been started."""
    for name in ("claims", "signing_key", "algorithm", "kid", "answer"):
        monkeypatch.setattr(running, name, getattr(running, name))
    running.claims = {"email": "anna@example.org", "email_verified": True}
    return running


@pytest.fixture
def site(dashboard: Callable[..., TestClient], provider: OidcProvider) -> Callable[..., TestClient]:
    """A dashboard at which people log in there."""

    def made(**settings: Any) -> TestClient:
        about: dict[str, Any] = {
            "dashboard_oidc_issuer": provider.issuer, "dashboard_oidc_client_id": CLIENT,
            "dashboard_oidc_client_secret": PASSWORD, "dashboard_oidc_role": "viewer", **settings,
        }  # fmt: skip
        return dashboard(**about)

    return made


def begin(client: TestClient, where: str = "/jobs?status=failed") -> dict[str, str]:
    """Go to the provider; what it is asked."""
    answer = client.get("/oidc/login", params={"where": where}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert (asked["theme"], asked["response_type"], asked["client_id"]) == ("dark", "code", CLIENT)
    assert asked["redirect_uri"] == "http://127.0.0.1:5555/oidc/callback"
    return asked


def come_back(client: TestClient, asked: dict[str, str], code: str) -> httpx.Response:
    return client.get("/oidc/callback", params={"state": asked["state"], "code": code}, follow_redirects=False)


def log_in(client: TestClient, provider: OidcProvider, where: str = "/jobs?status=failed") -> httpx.Response:
    asked = begin(client, where)
    return come_back(client, asked, provider.log_in(asked))


def who(client: TestClient) -> tuple[str | None, str | None]:
    found = client.get(f"{API}/session").json()
    return found["user"], found["role"]


def test_a_login_from_the_first_to_the_last_click(site: Callable[..., TestClient], provider: OidcProvider) -> None:
    client = site()
    session = client.get(f"{API}/session").json()
    assert (session["user"], session["can_log_in"], session["has_provider"]) == (None, False, True)
    answer = log_in(client, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?status=failed")
    cookies = answer.headers.get_list("set-cookie")
    (kept,) = [cookie for cookie in cookies if cookie.startswith("mrq_session=")]
    assert "HttpOnly" in kept
    assert "samesite=lax" in kept.lower()
    assert who(client) == ("anna@example.org", "viewer")
    assert COOKIE not in client.cookies
    assert client.get(f"{API}/jobs").status_code == 200
    assert client.post(f"{API}/queues/pause", json={"name": "q"}).status_code == 403
    token = client.get(f"{API}/session").json()["csrf_token"]
    assert client.delete(f"{API}/session", headers={"x-csrf-token": token}).status_code == 200
    assert who(client) == (None, None)


@pytest.mark.parametrize(
    ("settings", "claims", "role"),
    [
        ({"dashboard_oidc_role": ""}, {}, None),
        ({"dashboard_oidc_roles": {"ops": "operator", "boss": "admin"}}, {"groups": ["x", "ops"]}, "operator"),
        ({"dashboard_oidc_roles": {"ops": "operator", "boss": "admin"}}, {"groups": ["boss", "ops"]}, "admin"),
        ({"dashboard_oidc_roles": {"ops": "admin"}, "dashboard_oidc_groups": "team"}, {"team": "ops"}, "admin"),
        ({"dashboard_users": {"anna@example.org": {"role": "operator"}}}, {"groups": ["boss"]}, "operator"),
        ({"dashboard_oidc_name": "sub", "dashboard_users": {"7": {"role": "admin"}}, "dashboard_oidc_role": ""}, {},
         "admin"),
    ],
)  # fmt: skip
def test_who_gets_which_role(
    site: Callable[..., TestClient], provider: OidcProvider, settings: Any, claims: Any, role: str | None
) -> None:
    client = site(**settings)
    provider.claims |= claims
    assert log_in(client, provider).status_code == (403 if role is None else 303)
    assert who(client)[1] == role


def test_a_user_who_is_taken_out_of_the_table_is_out(site: Callable[..., TestClient], provider: OidcProvider) -> None:
    client = site(dashboard_users={"anna@example.org": {"role": "admin"}})
    log_in(client, provider)
    assert who(client)[1] == "admin"
    client.app.state.services.authentication.users.clear()  # type: ignore[attr-defined]
    assert who(client) == (None, None)


@pytest.mark.parametrize("claims", [
    {"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}, {"nonce": "other"}, {"nonce": None},
    {"email": None}, {"email": ""}, {"email": 7}, {"email_verified": False}, {"email_verified": None},
    {"sub": None}, {"aud": [CLIENT, "another"]}, {"iat": 4_102_444_800},
], ids=str)  # fmt: skip
def test_tokens_that_dont_hold(site: Callable[..., TestClient], provider: OidcProvider, claims: Any) -> None:
    client = site()
    provider.claims |= claims
    assert log_in(client, provider).status_code == 401
    assert who(client) == (None, None)


@pytest.mark.parametrize("how", ["another key", "none", "symmetric", "unknown key"])
def test_signatures_that_dont_hold(site: Callable[..., TestClient], provider: OidcProvider, how: str) -> None:
    client = site()
    if how == "another key":
        provider.signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    elif how == "none":
        provider.signing_key, provider.algorithm = None, "none"
    elif how == "symmetric":  # by what everybody knows of the provider
        provider.signing_key, provider.algorithm = "k" * 64, "HS256"
    else:
        provider.kid = "two"
    assert log_in(client, provider).status_code == 401
    assert who(client) == (None, None)


def test_what_was_not_begun_here_is_not_ended(site: Callable[..., TestClient], provider: OidcProvider) -> None:
    client = site()
    asked = begin(client)
    code = provider.log_in(asked)
    assert come_back(client, {"state": "forged"}, code).status_code == 401
    cookie = client.cookies[COOKIE]
    client.cookies.clear()  # the link was opened by somebody else's browser
    assert come_back(client, asked, code).status_code == 401
    client.cookies.set(COOKIE, cookie + "x")
    assert come_back(client, asked, code).status_code == 401
    assert who(client) == (None, None)


def test_a_login_has_its_time(
    site: Callable[..., TestClient], provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = site()
    asked = begin(client)
    monkeypatch.setattr(oidc, "LOGIN_LIFE", -1)
    assert come_back(client, asked, provider.log_in(asked)).status_code == 401


def test_a_code_is_good_once(site: Callable[..., TestClient], provider: OidcProvider) -> None:
    client = site()
    asked = begin(client)
    code, cookie = provider.log_in(asked), client.cookies[COOKIE]
    assert come_back(client, asked, code).status_code == 303
    client.cookies.set(COOKIE, cookie)
    assert come_back(client, asked, code).status_code == 502


@pytest.mark.parametrize("answer", [{}, [], "x", {"id_token": 7}, {"id_token": "a.b.c"}])
def test_a_provider_that_answers_nonsense(site: Callable[..., TestClient], provider: OidcProvider, answer: Any) -> None:
    client = site()
    provider.answer = answer
    assert log_in(client, provider).status_code in (401, 502)
    assert who(client) == (None, None)


def test_a_provider_that_says_no_or_nothing(site: Callable[..., TestClient]) -> None:
    client = site()
    answer = client.get("/oidc/callback", params={"error": "access_denied", "error_description": "<b>no</b>"})
    assert answer.status_code == 401
    assert "&lt;b&gt;no" in answer.text
    away = site(dashboard_oidc_issuer="http://127.0.0.1:9/realm")
    assert away.get("/oidc/login").status_code == 502
    assert away.get("/health").status_code == 200


def test_a_provider_that_fails_is_not_asked_by_everybody_and_keeps_nobody_waiting(
    site: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, asked = site(), []
    found = client.app.state.services.authentication.provider  # type: ignore[attr-defined]

    def fails(url: str) -> Any:
        asked.append(url)
        assert found._lock.acquire(blocking=False), "others wait while the provider is asked"
        found._lock.release()
        raise oidc.ProviderError("it is out")

    monkeypatch.setattr(oidc, "_asked", fails)
    monkeypatch.setattr(oidc, "RETRIED", 10**9)
    for _ in range(2):
        answer = client.get("/oidc/login")
        assert (answer.status_code, "it is out" in answer.text) == (502, True)
    assert len(asked) == 1
    monkeypatch.setattr(oidc, "RETRIED", 0.0)
    client.get("/oidc/login")
    assert len(asked) == 2


def test_another_provider_ends_the_sessions(site: Callable[..., TestClient], provider: OidcProvider) -> None:
    client = site(dashboard_secret="s" * 32)
    log_in(client, provider)
    cookie = client.cookies[authentication.COOKIE]
    same = site(dashboard_secret="s" * 32)
    same.cookies.set(authentication.COOKIE, cookie)
    assert who(same)[1] == "viewer"
    other = site(dashboard_secret="s" * 32, dashboard_oidc_client_id="other")
    other.cookies.set(authentication.COOKIE, cookie)
    assert who(other) == (None, None)


def test_tries_are_limited(site: Callable[..., TestClient]) -> None:
    client = site()
    seen = {client.get("/oidc/callback", params={"code": "x", "state": "y"}).status_code for _ in range(61)}
    assert seen == {401, 429}


def test_only_for_those_who_have_set_it_up(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_httpauth="a:b")
    assert client.get("/oidc/login").status_code == 404
    assert client.get("/oidc/callback").status_code == 404
    assert not client.get(f"{API}/session").json()["has_provider"]


@pytest.mark.parametrize(("settings", "words"), [
    ({}, "CLIENT_ID"), ({"dashboard_oidc_issuer": "http://login.example.org", "dashboard_oidc_client_id": "x"}, "https://"),
    ({"dashboard_oidc_client_id": "x", "dashboard_oidc_scope": "email"}, "openid"),
    ({"dashboard_oidc_client_id": "x", "dashboard_oidc_role": "king"}, "king"),
    ({"dashboard_oidc_client_id": "x", "dashboard_oidc_roles": {"a": "king"}}, "king"),
])  # fmt: skip
def test_settings_that_are_wrong(settings: dict[str, Any], words: str) -> None:
    about = {"dashboard_oidc_issuer": "https://login.example.org", **settings}
    with memory_app(**about) as app, pytest.raises(ConfigError, match=words):
        create_app(app)


def test_paths_of_ours_alone() -> None:
    assert safe_path("/jobs?a=1") == "/jobs?a=1"
    for where in (
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "jobs",
        "/\t/evil.example",
        "/a\nb",
        "/a\\b",
    ):
        assert safe_path(where) == "", where
