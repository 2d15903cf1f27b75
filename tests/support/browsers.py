"""The browser in which the dashboard's page is tested."""

from __future__ import annotations

import os
import shutil

from mrq_dashboard.routes.page import DIST

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 30_000  # milliseconds, on a busy machine
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]  # as root, and in containers


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
