"""Users and tokens of dashboards in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq_dashboard.authentication import hash_password, new_token
from support.dashboards import API

if TYPE_CHECKING:
    import httpx2 as httpx
    from fastapi.testclient import TestClient

PASSWORD = "correct horse"
HASH = hash_password(PASSWORD)
TOKENS = {name: new_token() for name in ("viewer", "operator", "admin", "scoped")}
TABLE: dict[str, Any] = {name: {"hash": hashed, "role": name} for name, (_, hashed) in TOKENS.items()}
TABLE["scoped"] |= {"role": "operator", "queues": ["crawl/", "mail"]}
USERS = {"anna": {"password": HASH, "role": "operator"}, "leo": {"role": "viewer"}}


def bearer(name: str) -> dict[str, str]:
    """The header of somebody's token."""
    return {"authorization": f"Bearer {TOKENS[name][0]}"}


def log_in(client: TestClient, password: str = PASSWORD, **headers: str) -> httpx.Response:
    """As anna."""
    return client.post(f"{API}/session", json={"user": "anna", "password": password}, headers=headers)
