"""Schedules and tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq import schedules
from mrq.app import get_app
from mrq.domain.stats import Counts, Period, Resolution, Tally, period_id
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.job import Job
from mrq_dashboard import keeping, services
from mrq_dashboard.authentication import new_token
from support.dashboards import ADD, API, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient


def add(client: TestClient, **words: Any) -> dict[str, Any]:
    answer = client.post(f"{API}/schedules", json={"task": ADD, "interval": 3600, "name": "n", **words})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_schedule_from_its_first_to_its_last_day(client: TestClient) -> None:
    made = add(client, params={"a": 1, "token": "x"}, queue="nightly")
    assert (made["task"], made["queue"], made["from_config"]) == (ADD, "nightly", False)
    assert made["params"] == {"a": 1, "token": "***"}
    (listed,) = client.get(f"{API}/schedules").json()["schedules"]
    assert listed == {**made, "last_run": None}
    one = f"{API}/schedules/{made['id']}"
    job = client.post(f"{one}/run", json={}).json()["id"]
    assert (Job(job).fetch().data or {})["params"] == {"a": 1, "token": "x"}
    assert client.post(f"{one}/pause", json={"reason": "holiday"}).status_code == 200
    assert client.get(one).json()["paused"]
    assert client.post(f"{one}/resume", json={}).status_code == 200
    changed = client.put(one, json={"task": ADD, "cron": "0 2 * * *", "timezone": "Europe/Paris", "name": "n"}).json()
    assert (changed["id"], changed["cron"], changed["interval"]) == (made["id"], "0 2 * * *", None)
    assert client.delete(one).status_code == 200
    assert client.get(one).status_code == 404
    what = [entry["what"] for entry in client.get(f"{API}/audit").json()["entries"]]
    assert what == [f"schedule.{word}" for word in ("remove", "change", "resume", "pause", "run", "add")]


def test_a_schedule_without_a_name_is_replaced(memory_client: TestClient) -> None:
    made = add(memory_client, name=None)
    changed = memory_client.put(f"{API}/schedules/{made['id']}", json={"task": ADD, "dailytime": "02:30:00"}).json()
    assert changed["id"] != made["id"]
    (listed,) = memory_client.get(f"{API}/schedules").json()["schedules"]
    assert (listed["id"], listed["dailytime"]) == (changed["id"], "02:30:00")


def test_runs_of_a_schedule(memory_client: TestClient) -> None:
    made = add(memory_client)
    app = get_app()
    assert app.scheduler().tick(app.clock.now()) == 1
    detail = memory_client.get(f"{API}/schedules/{made['id']}").json()
    (run,) = detail["runs"]
    assert (run["status"], run["job"]) == ("queued", detail["last_job"])


def test_the_list_tells_of_last_runs_and_of_times_without_one(client: TestClient) -> None:
    made, app = add(client, name="hourly", interval=None, cron="0 * * * *", params={"a": 1}), get_app()
    add(client, name="never")
    end = app.clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    scheduler, state = app.scheduler(), app.schedules.fetch(bytes.fromhex(made["id"]))
    assert state is not None
    dues = [end - timedelta(hours=6), end - timedelta(hours=4), end]
    jobs = scheduler.backfill(state, dues)
    for due, job in zip(dues, jobs, strict=True):
        app.schedules.note_run(state.id, due, job.binary)
    ran = {"datestarted": end + timedelta(seconds=3), "totaltime": 1.5, "status": "success"}
    app._database.mrq_jobs.update_one({"_id": jobs[-1]}, {"$set": ran})

    def listed() -> dict[str, Any]:
        return {each["name"]: each for each in client.get(f"{API}/schedules").json()["schedules"]}

    hourly, never = listed()["hourly"], listed()["never"]
    run = hourly["last_run"]
    assert (run["job"], run["status"], run["drift"], run["seconds"]) == (str(jobs[-1]), "success", 3.0, 1.5)
    assert (hourly["gaps"], never["gaps"], never["last_run"]) == (4, 0, None)
    app._database.mrq_jobs.delete_one({"_id": jobs[-1]})
    assert listed()["hourly"]["last_run"]["status"] is None


def test_one_of_the_config_is_changed_there(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(local_only=True, scheduler_tasks=[{"path": ADD, "interval": 60}])
    app = get_app()
    app.schedules.sync(app.configured_schedules(), app.clock.now())
    (made,) = client.get(f"{API}/schedules").json()["schedules"]
    assert made["from_config"]
    assert client.delete(f"{API}/schedules/{made['id']}").status_code == 409


@pytest.mark.parametrize(
    "words",
    [
        {"cron": "x"}, {"interval": None}, {"task": "x"}, {"interval": -1}, {"queue": "x_raw"}, {"colour": 1},
        {"params": {"a": 2**70}}, {"timezone": "Mars/Base", "cron": "0 2 * * *", "interval": None},
    ],
)  # fmt: skip
def test_what_makes_no_sense(memory_client: TestClient, words: dict[str, Any]) -> None:
    wish = {"task": ADD, "interval": 60, **words}
    answer = memory_client.post(f"{API}/schedules", json=wish)
    assert answer.status_code == 422, answer.text
    assert memory_client.get(f"{API}/schedules").json()["schedules"] == []


def scoped(queue: str) -> tuple[dict[str, Any], dict[str, str]]:
    token, hashed = new_token()
    table = {"own": {"hash": hashed, "role": "admin", "queues": [queue]}}
    return table, {"authorization": f"Bearer {token}"}


def test_a_schedule_out_of_scope_is_not_overwritten_by_its_name(dashboard: Callable[..., TestClient]) -> None:
    table, headers = scoped("a")
    client = dashboard(dashboard_tokens=table)
    app = get_app()
    schedules.add(ADD, interval=60, name="other", queue="b", params={"a": 1, "token": "x"})
    words = {"task": ADD, "interval": 60, "name": "other", "queue": "a", "params": {"a": 2, "token": "***"}}
    assert client.post(f"{API}/schedules", json=words, headers=headers).status_code == 409
    mine = {**words, "name": "mine", "params": {"a": 1}}
    made = client.post(f"{API}/schedules", json=mine, headers=headers).json()
    one = f"{API}/schedules/{made['id']}"
    assert client.put(one, json={**mine, "name": "other"}, headers=headers).status_code == 409
    stored = {state.schedule.name: (state.schedule.queue, state.schedule.params) for state in app.schedules.page(0, 9)}
    assert stored == {"other": ("b", {"a": 1, "token": "x"}), "mine": ("a", {"a": 1})}


def test_a_schedule_is_not_renamed_over_another(memory_client: TestClient) -> None:
    one, other = add(memory_client, name="one"), add(memory_client, name="other", params={"a": 7})
    answer = memory_client.put(f"{API}/schedules/{one['id']}", json={"task": ADD, "interval": 5, "name": "other"})
    assert (answer.status_code, answer.json()["error"]) == (409, "exists")
    assert memory_client.get(f"{API}/schedules/{other['id']}").json()["params"] == {"a": 7}
    assert memory_client.get(f"{API}/schedules/{one['id']}").status_code == 200


def test_one_of_the_config_is_not_replaced_by_its_name(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(local_only=True, scheduler_tasks=[{"path": ADD, "interval": 60, "name": "n"}])
    app = get_app()
    app.schedules.sync(app.configured_schedules(), app.clock.now())
    wish = {"task": ADD, "interval": 7, "name": "n"}
    answer = client.post(f"{API}/schedules", json=wish)
    assert (answer.status_code, answer.json()["error"]) == (409, "from_config")
    other = add(client, name="other")
    assert client.put(f"{API}/schedules/{other['id']}", json=wish).status_code == 409
    assert len(client.get(f"{API}/schedules").json()["schedules"]) == 2


@pytest.mark.parametrize("words", [{"task": "no.such.Task"}, {"interval": None, "at": "2020-01-01T00:00:00Z"}])
def test_what_could_never_run_is_refused(memory_client: TestClient, words: dict[str, Any]) -> None:
    answer = memory_client.post(f"{API}/schedules", json={"task": ADD, "interval": 60, "name": "n", **words})
    assert answer.status_code == 422, answer.text


SECRETS = {
    "password": "s3cret", "address": "https://u:pa55@h/", "text": "x" * 3_000, "deep": [{"token": "t"}, 1.5], "a": 1,
}  # fmt: skip


@pytest.mark.parametrize("listed", [True, False])
def test_what_is_left_as_it_was_shown_stays_as_it_is_stored(memory_client: TestClient, listed: bool) -> None:
    made = add(memory_client, params=SECRETS)
    one = f"{API}/schedules/{made['id']}"
    shown = made["params"] if listed else memory_client.get(one).json()["params"]
    assert "s3cret" not in str(shown)
    assert "pa55" not in str(shown)
    assert listed == ("x" * 3_000 not in str(shown))

    def put(task: str = ADD, **params: Any) -> Any:
        words = {"task": task, "interval": 60, "name": "n", "params": {**shown, **params}}
        answer = memory_client.put(one, json=words)
        (state,) = get_app().schedules.page(0, 9)
        return answer.status_code, state.schedule.params

    assert put() == (200, SECRETS)
    assert put(password="new") == (200, {**SECRETS, "password": "new"})
    assert put(a=2) == (200, {**SECRETS, "password": "new", "a": 2})
    now = put()[1]
    for wrong in (
        {"other": "***"}, {"deep": [{"token": "***"}]}, {"address": "https://v:***@h/"},
        {"text": "y... 1,000 more characters"}, {"...": "3 more"}, {"deep": [1, "... 3 more"]},
    ):  # fmt: skip
        assert put(**wrong) == (422, now), wrong
    assert put(task=f"{TASKS}.fails") == (422, now)  # secrets of one task are not for another


def test_a_job_is_not_queued_with_what_was_hidden_or_cut(memory_client: TestClient) -> None:
    for params in ({"a": "***"}, {"a": ["https://u:***@h/"]}, {"a": "x... 5 more characters"}, {"...": "2 more"}):
        answer = memory_client.post(f"{API}/jobs", json={"task": ADD, "params": params})
        assert (answer.status_code, answer.json()["error"] in ("hidden", "cut")) == (422, True), params
    assert memory_client.post(f"{API}/jobs", json={"task": ADD, "params": {"a": "**bold**"}}).status_code == 200


def test_tasks_and_what_they_take(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(local_only=True, tasks={ADD: {"queue": "sums", "timeout": 7}, f"{TASKS}.Old": {}, "no.Such": {}})
    names = [task["name"] for task in client.get(f"{API}/tasks").json()["tasks"]]
    assert names == ["no.Such", f"{TASKS}.Old", ADD]
    detail = client.get(f"{API}/tasks/detail", params={"name": ADD}).json()
    assert (detail["queue"], detail["options"]["timeout"], detail["description"]) == ("sums", 7, "Adds two numbers.")
    assert detail["params"]["required"] == ["a"]
    assert detail["params"]["properties"]["b"] == {"title": "b", "type": "integer", "default": 2}
    assert detail["params"]["additionalProperties"] is False
    old = client.get(f"{API}/tasks/detail", params={"name": f"{TASKS}.Old"}).json()
    assert old["params"]["additionalProperties"] is True
    missing = client.get(f"{API}/tasks/detail", params={"name": "no.Such"}).json()
    assert missing["params"] is None
    assert "no" in missing["description"]
    assert client.get(f"{API}/tasks/detail", params={"name": "antigravity.fly"}).status_code == 404


def test_a_worker_that_reports_anything_hides_no_task(memory_client: TestClient) -> None:
    app = get_app()
    for jobs in (["x", None, {"path": ADD}, {"path": 3}], "x", 7):
        record = WorkerRecord(app.jobs.new_id(), "w", app.clock.now(), 30.0)
        app.workers.register(record)
        app.workers.report(record.id, {"jobs": jobs})
    assert [task["name"] for task in memory_client.get(f"{API}/tasks").json()["tasks"]] == [ADD]


def test_what_was_counted_is_read_once_a_minute(memory_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    app, clock = get_app(), [1000.0]
    monkeypatch.setattr(keeping.time, "monotonic", lambda: clock[0])

    def shown() -> list[str]:
        return [task["name"] for task in memory_client.get(f"{API}/tasks").json()["tasks"]]

    def counts(path: str) -> None:
        day, counts = Resolution.DAY.start_of(app.clock.now()), Counts(1, {Status.SUCCESS: 1})
        period = Period(period_id(Resolution.DAY, day, path), Resolution.DAY, day, 1, Tally({("mail", path): counts}))
        assert app.stats_store.put(period, day + timedelta(days=9))

    counts("tasks.A")
    assert shown() == ["tasks.A"]
    counts("tasks.B")
    assert shown() == ["tasks.A"]
    clock[0] += services.RAN_KEPT
    assert shown() == ["tasks.B"]


def test_a_job_by_form(dashboard: Callable[..., TestClient]) -> None:
    client = dashboard(local_only=True, tasks={ADD: {"queue": "sums"}})
    job = client.post(f"{API}/jobs", json={"task": ADD, "params": {"a": 1}, "reason": "a try"}).json()["id"]
    data = Job(job).fetch().data or {}
    assert (data["queue"], data["params"]) == ("sums", {"a": 1})
    assert client.post(f"{API}/jobs", json={"task": ADD, "params": {"a": 2**70}}).status_code == 422
    assert client.post(f"{API}/jobs", json={"task": ADD, "queue": "x_set"}).status_code == 422
    assert client.post(f"{API}/jobs", json={"task": ADD, "delay": 1, "due": "2030-01-01T00:00:00Z"}).status_code == 422
    (entry,) = client.get(f"{API}/audit").json()["entries"]
    assert (entry["what"], entry["target"], entry["reason"]) == ("job.create", job, "a try")


def test_times_without_a_job_are_made_good(client: TestClient) -> None:
    app = get_app()
    made = add(client, name="hourly", interval=None, cron="0 * * * *", params={"a": 1})
    one, end = f"{API}/schedules/{made['id']}/backfill", app.clock.now() - timedelta(hours=1)
    wish = {"start": (end - timedelta(hours=5)).isoformat(), "end": end.isoformat()}
    looked = client.post(one, json=wish).json()
    assert (looked["missing"], looked["queued"]) == (5, [])
    done = client.post(one, json={**wish, "dry_run": False, "reason": "the scheduler was off"}).json()
    assert len(done["queued"]) == 5
    assert {(Job(job).fetch().data or {})["status"] for job in done["queued"]} == {"queued"}
    again = client.post(one, json={**wish, "dry_run": False}).json()
    assert (again["missing"], again["first"], again["queued"]) == (0, None, [])
    entry = client.get(f"{API}/audit").json()["entries"][1]
    assert (entry["what"], entry["count"], entry["reason"]) == ("schedule.backfill", 5, "the scheduler was off")
    future = {**wish, "end": (end + timedelta(days=1)).isoformat()}
    assert client.post(one, json=future).status_code == 422
    long = {**wish, "start": (end - timedelta(days=100)).isoformat()}
    assert "1,000" in client.post(one, json=long).json()["message"]


def test_what_comes_in_the_next_day(client: TestClient) -> None:
    daily = add(client, name="daily", interval=None, dailytime="06:00:00")
    add(client, name="often", interval=60)
    paused = add(client, name="paused", interval=None, dailytime="07:00:00")
    client.post(f"{API}/schedules/{paused['id']}/pause", json={})
    found = client.get(f"{API}/schedules/upcoming").json()
    assert [(run["schedule"], run["name"]) for run in found["runs"]] == [(daily["id"], "daily")]
    assert found["often"] == 1
