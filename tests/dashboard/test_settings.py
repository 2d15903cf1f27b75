"""What the dashboard tells of its settings, and to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq_dashboard.authentication import hash_password, new_token
from support.dashboards import API

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

TOKENS = {name: new_token() for name in ("viewer", "admin", "scoped")}
TABLE: dict[str, Any] = {name: {"hash": hashed, "role": "admin"} for name, (_, hashed) in TOKENS.items()}
TABLE["viewer"] |= {"role": "viewer"}
TABLE["scoped"] |= {"queues": ["mail"]}


def told(client: TestClient, name: str) -> dict[str, Any]:
    answer = client.get(f"{API}/settings", headers={"authorization": f"Bearer {TOKENS[name][0]}"})
    assert answer.status_code == 200, answer.text
    for _, hashed in TOKENS.values():
        assert hashed not in answer.text
    assert "hunter2" not in answer.text
    assert "scrypt" not in answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_how_long_things_are_kept(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(dashboard_tokens=TABLE, default_job_result_ttl=60, dashboard_audit_ttl=3600)
    kept = {each["record"]: (each["seconds"], each["setting"]) for each in told(client, "viewer")["retention"]}
    assert kept["succeeded"] == (60, "DEFAULT_JOB_RESULT_TTL")
    assert kept["audit"] == (3600, "DASHBOARD_AUDIT_TTL")
    assert len(kept) == 13


def test_administrators_see_who_comes_in_by_what(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(
        dashboard_users={"anna": {"password": hash_password("hunter2"), "role": "operator", "queues": ["mail"]}},
        dashboard_tokens=TABLE, dashboard_httpauth="leo:hunter2", dashboard_proxies=["10.0.0.1"],
        dashboard_proxy_header="X-User", dashboard_proxy_role="", dashboard_oidc_issuer="https://login.example.org",
        dashboard_oidc_client_id="mrq", dashboard_oidc_client_secret="hunter2",
        dashboard_oidc_roles={"ops": "operator"}, dashboard_oidc_role="viewer",
    )  # fmt: skip
    users, httpauth, tokens, proxy, oidc = told(client, "admin")["ways"]
    anna = {"name": "anna", "role": "operator", "queues": ["mail"]}
    assert users == {"way": "users", "setting": "DASHBOARD_USERS", "by": None, "role": None, "entrants": [anna]}
    assert (httpauth["way"], httpauth["entrants"]) == ("httpauth", [{"name": "leo", "role": "admin", "queues": None}])
    assert [each["name"] for each in tokens["entrants"]] == ["viewer", "admin", "scoped"]
    assert (proxy["by"], proxy["role"], proxy["entrants"]) == ("X-User", None, [])
    assert (oidc["by"], oidc["role"]) == ("https://login.example.org", "viewer")
    assert oidc["entrants"] == [{"name": "ops", "role": "operator", "queues": None}]
    for name in ("viewer", "scoped"):
        assert told(client, name)["ways"] is None


def test_an_open_dashboard_has_no_way_in(memory_client: TestClient) -> None:
    assert memory_client.get(f"{API}/settings").json()["ways"] == []
