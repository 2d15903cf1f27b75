"""`mrq tell` and `mrq mark-deploy`, with a worker that hears and without."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mrq.domain.worker import WorkerRecord

if TYPE_CHECKING:
    from cli.conftest import Mrq

    from mrq.app import App


def worker_of(app: App) -> str:
    """A worker that is registered, and obeys nobody."""
    about = WorkerRecord(app.jobs.new_id(), "deaf", app.clock.now(), 15.0)
    app.workers.register(about)
    return str(about.id)


@pytest.mark.usefixtures("configured")
def test_a_worker_that_does_not_answer_has_the_order_all_the_same(mrq: Mrq, app: App) -> None:
    worker = worker_of(app)
    code, _, said = mrq("tell", worker, "resize", "--greenlets", "7", "--wait", "0")
    assert code == 1
    assert "no answer within 0 s; the worker obeys when it hears of it" in said
    (order,) = app.orders.given(app.jobs.parse_id(worker))
    assert (order.verb.value, dict(order.arguments)) == ("resize", {"greenlets": 7})


@pytest.mark.usefixtures("configured")
def test_an_answer_is_shown(mrq: Mrq, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mrq.cli.tell.answer", lambda worker, order: f"heard by {worker}")
    worker = worker_of(app)
    assert mrq("tell", worker, "quiet") == (0, f"heard by {worker}\n", "")


@pytest.mark.usefixtures("configured")
def test_a_worker_that_is_gone_is_said(mrq: Mrq, app: App) -> None:
    code, _, said = mrq("tell", str(app.jobs.new_id()), "quiet")
    assert (code, "is gone, or there was none" in said) == (1, True)


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("words", [("resize",), ("resize", "--greenlets", "0"), ("profile", "--seconds", "-1")])
def test_an_order_that_makes_no_sense_is_refused(mrq: Mrq, app: App, words: tuple[str, ...]) -> None:
    worker = worker_of(app)
    code, out, said = mrq("tell", worker, *words)
    assert (code, out) == (2, "")
    assert said.startswith("mrq: ")
    assert not app.orders.given(app.jobs.parse_id(worker))


@pytest.mark.usefixtures("configured")
def test_a_deploy_is_marked(mrq: Mrq, app: App) -> None:
    code, said, _ = mrq("mark-deploy", "9f31c2a")
    assert code == 0
    now, minute = app.clock.now(), timedelta(minutes=1)
    (deploy,) = app.deploys.between(now - minute, now + minute)
    assert said == f"9f31c2a is marked at {deploy.at:%Y-%m-%d %H:%M:%S} UTC\n"
    assert mrq("mark-deploy", "")[0] == 2
