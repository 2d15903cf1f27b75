"""What needs attention, and the figures of the first page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.stats import Backlog, QueueSamples, Resolution
from mrq.job import queue_jobs
from mrq_dashboard.calm import Calm
from mrq_dashboard.growth import Growth, growth
from mrq_dashboard.routes import overview
from support.dashboards import ADD, API, put, serve

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from mrq.app import App


def test_what_needs_attention(client: TestClient, app: App) -> None:
    app.ensure_indexes()
    calm = client.get(f"{API}/overview").json()
    assert (calm["attention"], calm["calm_since"]) == ([], calm["at"])
    assert client.get(f"{API}/overview").json()["calm_since"] == calm["at"]
    queue_jobs(ADD, [{"a": 1}], "nobodys")
    client.post(f"{API}/queues/pause", json={"name": "exports", "reason": "why"})
    put(app, "failed", exceptiontype="ValueError", traceback="x", dateupdated=app.clock.now())
    worker = serve(app, "mail", lease=0.0)
    long_ago = app.clock.now() - timedelta(minutes=10)
    app._database.mrq_workers.update_one({"_id": worker}, {"$set": {"datereported": long_ago}})
    overview = client.get(f"{API}/overview").json()
    assert [each["kind"] for each in overview["attention"]] == [
        "silent_worker", "unserved_queue", "failures", "paused_queue",
    ]  # fmt: skip
    assert overview["attention"][0]["target"] == str(worker)
    assert overview["calm_since"] is None
    assert [queue["name"] for queue in overview["queues"]] == ["nobodys", "exports", "mail"]
    figures = overview["figures"]
    assert (figures["waiting"]["jobs"], figures["failed"]["jobs"], figures["workers"]) == (1, 1, 1)


def test_a_queue_that_grows_needs_attention(memory_client: TestClient, memory_app: App) -> None:
    serve(memory_app, "mail", "calm")
    now = memory_app.clock.now()
    for ago in range(8, 0, -1):
        start = Resolution.MINUTE.start_of(now) - timedelta(minutes=ago)
        looks = {"mail": Backlog(100 + 50 * (8 - ago)), "calm": Backlog(1000 - ago)}
        memory_app.stats_store.put_samples(QueueSamples(start, start, looks), now + timedelta(days=1))

    def attention() -> list[dict[str, Any]]:
        found = memory_client.get(f"{API}/overview").json()["attention"]
        return [each for each in found if each["kind"] != "no_index"]  # memory has none

    (item,) = attention()
    assert (item["kind"], item["target"], item["severity"]) == ("growing_queue", "mail", "warning")
    assert item["text"] == "mail grows: 100 jobs waited there, now 450"
    queues = memory_client.get(f"{API}/overview").json()["queues"]
    assert [(queue["name"], queue["grows"]) for queue in queues] == [("mail", True), ("calm", False)]
    memory_client.post(f"{API}/queues/pause", json={"name": "mail", "reason": "why"})
    assert [each["kind"] for each in attention()] == ["paused_queue"]


@pytest.mark.parametrize(
    ("waiting", "grows"),
    [
        ([10, 20, 30, 40, 50, 60, 70, 80, 90], True),
        ([10, 10, 10, 10, 10, 60, 70, 80, 90], True),
        ([10, 20, 30, 40, 50], False),  # too few looks
        ([10, 20, 300, 200, 150, 120, 110, 100, 90], False),  # a burst that is worked off
        ([10, 10, 10, 10, 10, 10, 10, 10, 90], False),  # one look is no trend
        ([1000, 1001, 1002, 1010, 1020, 1030, 1040, 1050, 1060], False),  # little, beside what is there
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], False),
        ([90, 80, 70, 60, 50, 40, 30, 20, 10], False),
    ],
)
def test_what_growth_is(waiting: list[int], grows: bool) -> None:
    start = datetime(2026, 1, 1)
    moments = [start + timedelta(minutes=number) for number in range(len(waiting))]
    looks = [QueueSamples(at, at, {"q": Backlog(many)}) for at, many in zip(moments, waiting, strict=True)]
    found = growth(looks, "q")
    assert found == (Growth(waiting[0], waiting[-1], start) if grows else None)


def test_what_was_counted_up_to_a_limit_is_at_least_so_much(
    memory_client: TestClient, memory_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "most_counted", lambda _queues: 2)
    queue_jobs(ADD, [{"a": 1}], "one")
    queue_jobs(ADD, [{"a": 1}] * 3, "three")
    serve(memory_app, "mail", lease=-60.0)
    said = [each["text"] for each in memory_client.get(f"{API}/overview").json()["attention"]]
    assert "Nothing serves one, in which 1 job waits" in said
    assert "Nothing serves three, in which at least 2 jobs wait" in said
    assert [text for text in said if text.endswith("; 0 jobs were started there")]


def test_calm_is_remembered_while_somebody_looks() -> None:
    calm, start = Calm(most=2), datetime(2026, 1, 1)

    def since(minutes: int, *scope: str, is_calm: bool = True) -> float | None:
        found = calm.look(scope or None, start + timedelta(minutes=minutes), is_calm=is_calm)
        return None if found is None else (found - start) / timedelta(minutes=1)

    assert [since(0), since(4), since(8)] == [0, 0, 0]
    assert since(8, "mail") == 8, "who sees other queues may see no calm"
    assert since(9, is_calm=False) is None
    assert [since(10), since(14)] == [10, 10]
    assert since(20) == 20, "nobody has looked for too long"
    assert [since(21, "a"), since(21, "b"), since(22)] == [21, 21, 22], "only so many are remembered"


def test_a_missing_index_is_said(client: TestClient, app: App) -> None:
    app._database.mrq_jobs.drop_index("mrq_failed")
    attention = client.get(f"{API}/overview").json()["attention"]
    assert {("no_index", "mrq_failed")} == {(each["kind"], each["target"]) for each in attention}
    assert client.get(f"{API}/failures").status_code == 200
