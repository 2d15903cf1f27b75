"""The page in a real browser, before a real dashboard, servers and a worker. Without Chromium, or where the page can't
be built, these tests are skipped, and the last line of the run says so."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from support.browsers import ARGUMENTS, PATIENCE, find_chromium, why_not
from support.dashboardsite import DashboardServer
from support.faultsite import FaultSite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session", autouse=True)
def _can_be_tested() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(f"browser tests: {reason}")


@pytest.fixture(scope="session")
def browser(_can_be_tested: None) -> Iterator[Browser]:
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultSite]:
    """Servers, and a worker that serves what the tests use."""
    name = f"mrq_page_{secrets.token_hex(6)}"
    url = urlunsplit(urlsplit(servers.mongodb_url)._replace(path=f"/{name}"))
    with FaultSite(url, servers.redis_url, tmp_path_factory.mktemp("page"), name) as entered:
        entered.start_worker("parse", "webhooks", "feeds", "--report_interval", "0.5")
        yield entered
    servers.mongodb.drop_database(name)


@pytest.fixture(scope="module")
def server(site: FaultSite) -> Iterator[DashboardServer]:
    """The site's dashboard."""
    started = DashboardServer(site)
    try:
        started.start()
        site.wait_for_workers()
        yield started
    finally:
        started.stop()


@pytest.fixture
def page(browser: Browser, server: DashboardServer) -> Iterator[Page]:
    """A tab before the dashboard. What goes wrong in it fails the test."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    tab.on("console", lambda said: wrong.append(f"console: {said.text}") if _is_wrong(said.text, said.type) else None)
    tab.on("request", lambda asked: None if _is_own(asked.url, server.url) else wrong.append(f"fetched {asked.url}"))
    yield tab
    context.close()
    assert wrong == []


def _is_wrong(text: str, kind: str) -> bool:
    return kind in ("error", "warning") and "Failed to load resource" not in text  # refusals are shown by the page


def _is_own(url: str, server: str) -> bool:
    return url.startswith((server + "/", "blob:", "data:"))


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, from npm."""
    path = Path(__file__).parents[2] / "dashboard/ui/node_modules/axe-core/axe.min.js"
    if not path.is_file():
        pytest.skip("browser tests: axe-core is not installed (make ui)")
    return path.read_text(encoding="utf-8")
