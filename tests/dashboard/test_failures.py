"""Failures in groups: on real servers."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from mrq.domain.fingerprint import Signature, fingerprint
from mrq.ports.deploys import Deploy
from mrq_dashboard import failures as dashboard_failures
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.failures import failure_details, failure_groups
from mrq_dashboard.identity import How, Principal, Role
from mrq_dashboard.shown import Shower
from support.dashboards import ADD, API, put

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from mrq.app import App


def test_failures_in_groups(client: TestClient, app: App) -> None:
    for number in range(3):
        about = {"params": {"a": number, "shop": "fr", "token": "x"}, "message": f"no {number}, token=x"}
        last = put(app, "failed", exceptiontype="ValueError", **about)
    put(app, "timeout", exceptiontype="TimeoutInterrupt", path="other.Task")
    put(app, "retry", exceptiontype="ValueError")
    put(app, "success", params={"shop": "de"})
    found = client.get(f"{API}/failures").json()
    groups = [(group["task"], group["exceptiontype"], group["jobs"], group["message"]) for group in found["groups"]]
    assert groups == [(ADD, "ValueError", 3, "no 2, token=***"), ("other.Task", "TimeoutInterrupt", 1, "")]
    assert (found["complete"], found["looked_at"]) == (True, 4)
    (group, _) = found["groups"]
    assert (group["example"], group["exact"]) == (last, True)
    details = client.get(f"{API}/failures/{group['fingerprint']}").json()
    assert (details["group"], details["compared"]) == (group, 3)
    assert [(each["name"], each["value"], each["members"]) for each in details["shared"]] == [("shop", "fr", 1.0)]
    assert group["trend"] == [0] * 23 + [3]
    jobs = client.get(f"{API}/jobs", params={"fingerprint": group["fingerprint"], "status": "failed"}).json()["jobs"]
    assert len(jobs) == 3
    assert client.get(f"{API}/jobs/{last}").json()["fingerprint"] == group["fingerprint"]
    assert client.get(f"{API}/failures/none").status_code == 404


def test_failures_that_were_not_seen_before_the_last_deploy_are_new(client: TestClient, app: App) -> None:
    def news() -> dict[str, bool | None]:
        return {group["exceptiontype"]: group["new"] for group in client.get(f"{API}/failures").json()["groups"]}

    now = app.clock.now()
    put(app, "failed", exceptiontype="KeyError", now=now - timedelta(hours=2))
    put(app, "failed", exceptiontype="ValueError")
    assert news() == {"KeyError": None, "ValueError": None}, "nobody marks deploys"
    for hours in (1, 3):
        app.deploys.mark(Deploy(f"{hours} hours ago", now - timedelta(hours=hours)))
    assert news() == {"KeyError": False, "ValueError": True}
    name = app._database.mrq_jobs.find_one({"exceptiontype": "ValueError"})["fingerprint"]
    assert client.get(f"{API}/failures/{name}").json()["group"]["new"] is True
    put(app, "failed", exceptiontype="KeyError")
    assert list(news()) == ["ValueError", "KeyError"], "new ones come first, however few they are"
    given = SimpleNamespace(mrq=app, shower=Shower())
    me = Principal("me", Role.VIEWER, How.TOKEN, ("default",))
    assert {group.new for group in failure_groups(given, me).groups} == {None}  # type: ignore[arg-type]


def test_what_failed_jobs_share_holds_no_secret(client: TestClient, app: App) -> None:
    params = {"u": "https://u:pa55@h/", "line": "run with password=hunter2 now", "x": {"y" * 600: 1}}
    for _ in range(2):
        put(app, "failed", exceptiontype="ValueError", params=params)
        put(app, "success")
    (group,) = client.get(f"{API}/failures").json()["groups"]
    answer = client.get(f"{API}/failures/{group['fingerprint']}")
    shared = {each["name"]: each["value"] for each in answer.json()["shared"]}
    assert shared["u"] == "https://u:***@h/"
    assert shared["line"] == "run with password=*** now"
    assert max(map(len, shared)) <= 500


def test_failures_of_other_queues_are_not_told(app: App) -> None:
    mine = put(app, "failed", exceptiontype="ValueError", queue="mine", params={"shop": "fr"})
    put(app, "failed", exceptiontype="ValueError", queue="theirs", params={"shop": "de"}, message="theirs")
    put(app, "failed", exceptiontype="KeyError", queue="theirs")
    given = SimpleNamespace(mrq=app, shower=Shower())
    me = Principal("me", Role.VIEWER, How.TOKEN, ("mine",))
    (group,) = failure_groups(given, me).groups  # type: ignore[arg-type]
    assert (group.jobs, group.example, group.message) == (1, mine, "")
    details = failure_details(given, me, group.fingerprint)  # type: ignore[arg-type]
    assert (details.group, details.compared, details.shared) == (group, 1, [])
    with pytest.raises(RefusedError):
        failure_details(given, me, fingerprint(ADD, Signature("KeyError")))  # type: ignore[arg-type]


def test_a_group_tells_of_each_hour_of_the_last_day_that_it_looked_at(
    client: TestClient, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = app.clock.now()
    for minutes in (-1, 10, 70, 80, 200, 26 * 60):
        put(app, "failed", exceptiontype="ValueError", now=now - timedelta(minutes=minutes))

    def trend() -> list[int | None]:
        (group,) = client.get(f"{API}/failures").json()["groups"]
        details = client.get(f"{API}/failures/{group['fingerprint']}").json()
        (first,) = client.get(f"{API}/overview").json()["failures"]
        assert group["trend"] == details["group"]["trend"] == first["trend"]
        assert len(group["trend"]) == 24
        return group["trend"][-4:]

    assert trend() == [1, 0, 2, 2]
    monkeypatch.setattr(dashboard_failures, "MOST_TIMES", 4)
    assert trend() == [None, None, 2, 2], "what was not looked at is not told to be nothing"
    given = SimpleNamespace(mrq=app, shower=Shower())
    me = Principal("me", Role.VIEWER, How.TOKEN, ("default",))
    (seen,) = failure_groups(given, me).groups  # type: ignore[arg-type]
    assert seen.trend[-4:] == [1, 0, 2, 2]
