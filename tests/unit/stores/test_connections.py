"""The connections of an app, without servers."""

from __future__ import annotations

from mrq.app import App

NOBODY = "mongodb://127.0.0.1:1/none"


def test_closing_an_app_closes_its_clients() -> None:
    app = App({"mongodb_jobs": NOBODY})
    client = app.connection("mongodb_jobs").client
    assert app.jobs is not None
    app.close()
    assert client._closed


def test_those_that_were_forgotten_are_closed_too() -> None:
    app = App({"mongodb_jobs": NOBODY, "mongodb_other": NOBODY})
    database = app.connection("mongodb_other")
    app.forget_connections()
    assert not database.client._closed
    app.close()
    assert database.client._closed


def test_closing_what_was_never_reached_opens_nothing() -> None:
    app = App({"redis": "redis://127.0.0.1:1", "mongodb_jobs": NOBODY})
    assert app.wakeups is not None
    assert app.jobs is not None
    app.close()
