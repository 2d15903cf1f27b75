"""A trusted proxy before the dashboard, over real connections."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest
import uvicorn

from mrq.embedded.ports import pick_port
from mrq.testing import memory_app
from mrq_dashboard import command
from support.dashboards import API
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrq.app import App


@contextmanager
def served(app: App, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`mrq dashboard` of an app in this process; its address."""
    servers: list[uvicorn.Server] = []

    def run(application: Any, **about: Any) -> None:
        servers.append(uvicorn.Server(uvicorn.Config(application, **about)))
        servers[0].run()

    monkeypatch.setattr(uvicorn, "run", run)
    monkeypatch.setattr(command, "App", lambda _settings: app)
    thread = threading.Thread(target=command.serve, args=[app.settings])
    thread.start()
    try:
        wait_until(lambda: bool(servers) and servers[0].started, 30, what="the dashboard listens")
        yield f"http://127.0.0.1:{app.settings.dashboard_port}"
    finally:
        servers[0].should_exit = True
        thread.join(20)


FROM = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-user": "anna"}


@pytest.mark.parametrize(("proxy", "user"), [("127.0.0.0/8", "anna"), ("127.0.0.1/8", "anna"), ("203.0.113.9", None)])
def test_who_connects_is_the_proxy_also_when_it_says_for_whom(
    monkeypatch: pytest.MonkeyPatch, proxy: str, user: str | None
) -> None:
    about: dict[str, Any] = {
        "dashboard_proxies": [proxy], "dashboard_proxy_header": "X-Forwarded-User", "dashboard_port": pick_port(),
        "dashboard_users": {"anna": {"role": "admin"}},
    }  # fmt: skip
    with memory_app(**about) as app, served(app, monkeypatch) as url:
        assert httpx.get(f"{url}{API}/session", headers=FROM).json()["user"] == user
        wrong = {"user": "anna", "password": "x"}
        assert httpx.post(f"{url}{API}/session", json=wrong, headers=FROM).status_code == 401
        (entry,) = app.audit.page(10)
        assert entry.target == ("203.0.113.9" if user else "127.0.0.1")
