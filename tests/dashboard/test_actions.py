"""Bulk actions: dry run, progress, stop, and going on in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.status import Status
from mrq.job import queue_jobs
from mrq_dashboard import operations
from support.dashboards import ADD, API, client_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.testclient import TestClient

    from mrq.app import App


def operate(client: TestClient, **wish: Any) -> dict[str, Any]:
    """Begin an operation, or count for it."""
    answer = client.post(f"{API}/operations", json={"action": "cancel", "filter": {}, **wish})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def state(client: TestClient, operation: str) -> dict[str, Any]:
    """How far one is."""
    found: dict[str, Any] = client.get(f"{API}/operations/{operation}").json()
    return found


@pytest.fixture
def frozen(app: App) -> Iterator[TestClient]:
    """A dashboard that works only while it is asked, as on AWS Lambda."""
    with client_of(app, background=False) as client:
        yield client


def test_a_dry_run_counts_and_moves_nothing(client: TestClient, app: App) -> None:
    queue_jobs(ADD, [{"a": n} for n in range(3)], "bulk")
    counted = operate(client, filter={"queue": ["bulk"]})
    assert counted == {"total": {"jobs": 3, "exact": True}, "operation": None}
    assert app.jobs.count_by_queue(Status.QUEUED) == {"bulk": 3}


def test_an_operation_goes_on_in_the_background(client: TestClient, app: App) -> None:
    queue_jobs(ADD, [{"a": n} for n in range(1200)], "bulk")
    queue_jobs(ADD, [{"a": 1}], "other")
    begun = operate(client, filter={"queue": ["bulk"]}, dry_run=False, reason="a mistake")["operation"]
    wait_until(lambda: state(client, begun["id"])["state"] == "done", what="it is done")
    done = state(client, begun["id"])
    assert (done["moved"], done["found"], done["total"]) == (1200, 1200, {"jobs": 1200, "exact": True})
    assert app.jobs.count_by_queue(Status.QUEUED) == {"other": 1}
    back = operate(client, action="requeue", filter={"status": ["cancel"]}, queue="again", dry_run=False)["operation"]
    wait_until(lambda: state(client, back["id"])["state"] == "done", what="they are back")
    assert app.jobs.count_by_queue(Status.QUEUED) == {"other": 1, "again": 1200}
    assert [each["id"] for each in client.get(f"{API}/operations").json()["operations"]] == [back["id"], begun["id"]]
    entries = client.get(f"{API}/audit").json()["entries"]
    assert [(e["what"], e["count"], e["reason"]) for e in entries] == [
        ("operation.requeue", 1200, ""), ("operation.cancel", 1200, "a mistake"),
    ]  # fmt: skip


def test_where_nothing_runs_in_between_questions_drive_it(
    frozen: TestClient, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "BATCH", 10)
    monkeypatch.setattr(operations, "STEP", -1.0)  # one batch a question
    queue_jobs(ADD, [{"a": n} for n in range(25)], "bulk")
    begun = operate(frozen, filter={"queue": ["bulk"]}, dry_run=False)["operation"]["id"]
    seen = [state(frozen, begun) for _ in range(4)]
    assert [each["moved"] for each in seen] == [10, 20, 25, 25]
    assert [each["state"] for each in seen][-1] == "done"
    assert app.jobs.count_by_queue(Status.QUEUED) == {}


def test_it_stops_after_its_batch(frozen: TestClient, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "BATCH", 10)
    monkeypatch.setattr(operations, "STEP", -1.0)
    queue_jobs(ADD, [{"a": n} for n in range(25)], "bulk")
    begun = operate(frozen, filter={"queue": ["bulk"]}, dry_run=False)["operation"]["id"]
    assert state(frozen, begun)["moved"] == 10
    assert frozen.post(f"{API}/operations/{begun}/stop").status_code == 200
    assert [state(frozen, begun)[name] for name in ("state", "moved")] == ["stopped", 10]
    assert frozen.post(f"{API}/operations/{begun}/stop").status_code == 409
    assert app.jobs.count_by_queue(Status.QUEUED) == {"bulk": 15}


def test_another_process_goes_on_with_what_one_has_left(
    frozen: TestClient, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "BATCH", 10)
    monkeypatch.setattr(operations, "STEP", -1.0)
    queue_jobs(ADD, [{"a": n} for n in range(30)], "bulk")
    begun = operate(frozen, filter={"queue": ["bulk"]}, dry_run=False)["operation"]["id"]
    state(frozen, begun)
    monkeypatch.setattr(operations, "LOOK", 0.05)
    with client_of(app) as other:
        wait_until(lambda: state(other, begun)["state"] == "done", what="it is done")
        assert state(other, begun)["moved"] == 30


def test_jobs_that_come_later_are_not_meant(frozen: TestClient, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    queue_jobs(ADD, [{"a": 1}], "bulk")
    begun = operate(frozen, filter={"queue": ["bulk"]}, dry_run=False)["operation"]["id"]
    queue_jobs(ADD, [{"a": 2}], "bulk")
    assert state(frozen, begun)["moved"] == 1
    assert app.jobs.count_by_queue(Status.QUEUED) == {"bulk": 1}


@pytest.mark.parametrize(
    "wish",
    [
        {"filter": {"task": ["a*"]}}, {"action": "delete"}, {"filter": {"colour": "red"}}, {"queue": "x"},
        {"action": "requeue", "queue": "x_set"}, {"filter": {"worker": ["x"]}},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(memory_client: TestClient, wish: dict[str, Any]) -> None:
    answer = memory_client.post(f"{API}/operations", json={"action": "cancel", "filter": {}, **wish})
    assert answer.status_code == 422
