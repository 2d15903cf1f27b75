"""Connections of an app: what closing them must not do."""

from __future__ import annotations

from mrq.app import App


def test_closing_what_was_never_reached_opens_nothing() -> None:
    app = App({"redis": "redis://127.0.0.1:1", "mongodb_jobs": "mongodb://127.0.0.1:1/mrq"})
    assert app.wakeups is not None
    assert app.jobs is not None
    app.close()
