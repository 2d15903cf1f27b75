"""The browser in which the dashboard's page is tested."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from mrq_dashboard.routes.page import DIST
from support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60_000  # milliseconds, on a busy machine
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]  # as root, and in containers


def until_shown(page: Page, key: str, what: Locator) -> None:
    """Press a key until something is there. A page listens to keys from the moment after it was first drawn."""

    def shown() -> bool:
        if not what.count():
            page.keyboard.press(key)
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return what.count() > 0

    wait_until(shown, PATIENCE / 1000, what=f"{key} does something")


def why_not() -> str | None:
    """Why the page can't be tested here."""
    if not (DIST / "index.html").is_file():
        return "the page is not built (make ui says why)"
    if find_chromium() is None:
        return "there is no Chromium (make browser, or apt-get install chromium)"
    return None


def find_chromium() -> str | None:
    """Where Chromium is."""
    return os.environ.get("MRQ_TEST_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
