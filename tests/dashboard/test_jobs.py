"""Lists of jobs, single jobs, their logs, and what is done to one of them: on real servers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.loglines import LogMark
from mrq.domain.status import Status
from mrq.job import queue_job, queue_jobs
from mrq.ports.logs import LogText
from mrq.stores.ids import new_id
from support.dashboards import ADD, API, put

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from mrq.app import App


def listed(client: TestClient, **asked: Any) -> list[str]:
    """Ids of all jobs that a list has, over all its pages."""
    found, after = [], None
    while True:
        answer = client.get(f"{API}/jobs", params={**asked, **({"after": after} if after else {})})
        assert answer.status_code == 200, answer.text
        found += [job["id"] for job in answer.json()["jobs"]]
        after = answer.json()["next"]
        if after is None:
            return found


def test_jobs_a_page_at_a_time(client: TestClient) -> None:
    jobs = [str(job) for job in queue_jobs(ADD, [{"a": n} for n in range(5)])]
    assert listed(client, limit=2) == jobs[::-1]
    assert listed(client, limit=2, order="oldest") == jobs
    assert listed(client, limit=2, order="place", queue="default", status="queued") == jobs


def test_filters(client: TestClient, app: App) -> None:
    worker = new_id()
    a = put(app, "failed", exceptiontype="ValueError", worker=worker, params={"user": {"id": 7}}, queue="crawl/eu")
    b = put(app, "success", path="shop.Parse", worker=worker)
    put(app, "queued", queue="crawl/us")
    assert listed(client, status="failed") == [a]
    assert listed(client, status=["failed", "success"]) == [b, a]
    assert listed(client, queue="crawl/", status="failed") == [a]
    assert listed(client, task="shop.*") == [b]
    assert listed(client, worker=str(worker)) == [b, a]
    assert listed(client, exceptiontype="ValueError") == [a]
    assert listed(client, params='{"user.id": 7}') == [a]
    assert listed(client, id=[a, str(new_id())]) == [a]
    now = app.clock.now()
    assert listed(client, since=(now - timedelta(minutes=1)).isoformat() + "Z", status="success") == [b]
    assert listed(client, until=(now - timedelta(minutes=1)).isoformat() + "Z") == []
    assert client.get(f"{API}/jobs/count", params={"queue": "crawl/"}).json() == {"jobs": 2, "exact": True}


@pytest.mark.parametrize(
    "asked",
    [
        {"status": "no"}, {"limit": 0}, {"limit": 1000}, {"after": "x"}, {"worker": "x"}, {"params": "["},
        {"params": "[1]"}, {"params": '{"$where": 1}'}, {"params": '{"a": 99999999999999999999}'}, {"colour": "red"},
        {"task": ["a*", "b"]}, {"order": "place"}, {"since": "yesterday"}, {"queue": "a\0b"}, {"params": '{"": 1}'},
        {"after": "bnVsbA"}, {"params": '{"a": "\\ud800"}'},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_reason(client: TestClient, asked: dict[str, Any]) -> None:
    answer = client.get(f"{API}/jobs", params=asked)
    assert answer.status_code == 422
    assert answer.json()["message"]


def test_a_job_whole(client: TestClient, app: App) -> None:
    history = [{"date": app.clock.now(), "status": "retry", "exceptiontype": "OSError", "traceback": "first"}]
    job = put(
        app, "failed", params={"a": 1, "big": 2**60}, exceptiontype="ValueError", traceback="Traceback\nValueError: x",
        traceback_history=history, totaltime=1.5, retry_count=2, result={"n": float("nan"), "raw": b"\xff"},
    )  # fmt: skip
    shown = client.get(f"{API}/jobs/{job}").json()
    assert (shown["status"], shown["seconds"], shown["retries"]) == ("failed", 1.5, 2)
    assert shown["params"] == {"a": 1, "big": str(2**60)}
    assert shown["result"] == {"n": "nan", "raw": "base64:/w=="}
    assert [attempt["traceback"] for attempt in shown["attempts"]] == ["first"]
    assert shown["command"].startswith(f"mrq run {ADD} ")
    assert shown["queued"].endswith("Z")
    assert client.get(f"{API}/jobs/{new_id()}").status_code == 404
    assert client.get(f"{API}/jobs/nothing").status_code == 422


def test_secrets_are_hidden_everywhere(client: TestClient, app: App) -> None:
    url = "mongodb://u:hunter2@h/db"
    job = put(
        app, "failed", exceptiontype="ValueError",
        params={"headers": {"Authorization": "Bearer hunter2"}, "apiKey": "hunter2", "db": url, "a": [url]},
        result={"session_token": "hunter2", "Set-Cookie": "hunter2"},
        traceback=f"connect('{url}')\npassword='hunter2'\nAuthorization: Bearer hunter2",
    )  # fmt: skip
    app.logs.append([LogText(new_id(), f"token=hunter2 {url}\n", job=app.jobs.parse_id(job))])  # type: ignore[union-attr]
    for path in (f"jobs/{job}", "jobs", f"jobs/{job}/logs", "failures", "overview"):
        answer = client.get(f"{API}/{path}")
        assert answer.status_code == 200
        assert "hunter2" not in answer.text, path
    assert client.get(f"{API}/jobs", params={"params": '{"apiKey": "hunter2"}'}).status_code == 403


def test_markup_comes_back_as_data(client: TestClient, app: App) -> None:
    text = "<script>alert(1)</script>\"'`${x}\u2028"
    job = put(
        app, "failed", path=text, queue=text, params={text: text}, exceptiontype=text, traceback=text, result=text,
    )  # fmt: skip
    answer = client.get(f"{API}/jobs/{job}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    shown = answer.json()
    assert shown["params"] == {text: text}
    assert {shown[name] for name in ("task", "queue", "exceptiontype", "traceback", "result")} == {text}


def test_logs_are_read_on_from_where_one_was(client: TestClient, app: App) -> None:
    job = queue_job(ADD, {"a": 1})
    assert app.logs is not None
    app.logs.append([LogText(new_id(), "one\n", job=job), LogText(new_id(), "two\n", job=job)])
    first = client.get(f"{API}/jobs/{job}/logs").json()
    assert (first["text"], first["more"]) == ("one\ntwo\n", False)
    assert client.get(f"{API}/jobs/{job}/logs", params={"after": first["next"]}).json()["text"] == ""
    app.logs.append([LogText(new_id(), "three\n", job=job)])
    assert client.get(f"{API}/jobs/{job}/logs", params={"after": first["next"]}).json()["text"] == "three\n"


def test_a_log_is_followed_across_workers_with_time_and_level_of_each_line(client: TestClient, app: App) -> None:
    job, began, again = queue_job(ADD, {"a": 1}), datetime(2026, 1, 5, 12), datetime(2026, 1, 5, 12, 0, 1)
    assert app.logs is not None
    path, (smaller, larger) = f"{API}/jobs/{job}/logs", sorted([new_id(), new_id()], key=str)
    marks = (LogMark(len("password=hunter2\nTraceback\n"), began, 40), LogMark(len("fine\n"), began, 20))
    text = "password=hunter2\nTraceback\nfine\n"
    app.logs.append([LogText(larger, text, job=job, run=began, marks=marks)])
    first = client.get(path).json()
    assert first["text"] == "password=***\nTraceback\nfine\n"
    assert first["marks"] == [
        {"time": "2026-01-05T12:00:00Z", "level": "ERROR", "rows": 2, "run": "2026-01-05T12:00:00Z"},
        {"time": "2026-01-05T12:00:00Z", "level": "INFO", "rows": 1, "run": "2026-01-05T12:00:00Z"},
    ]
    assert client.get(path, params={"level": "WARNING"}).json()["text"] == "password=***\nTraceback\n"
    app.logs.append([LogText(smaller, "as 0.9\nwrote it\n", job=job, run=again)])
    then = client.get(path, params={"after": first["next"], "level": "ERROR"}).json()
    old = {"time": None, "level": None, "rows": 2, "run": "2026-01-05T12:00:01Z"}
    assert (then["text"], then["marks"]) == ("as 0.9\nwrote it\n", [old])
    assert client.get(path, params={"after": then["next"]}).json()["text"] == ""
    for cursor in ("x", "1~x.1"):
        assert client.get(path, params={"after": cursor}).status_code == 422
    assert client.get(path, params={"after": str(smaller)}).json()["text"] == first["text"], "an id goes on as before"


def test_lines_are_looked_for(client: TestClient, app: App) -> None:
    assert app.logs is not None
    job, run = app.jobs.parse_id(put(app, "failed", exceptiontype="KeyError", message="x")), app.clock.now()
    app._database.mrq_jobs.update_one({"_id": job}, {"$set": {"attempts.0.datestarted": run}})
    marks = (LogMark(len("password=hunter2\n"), run, 40), LogMark(len("fine\n"), run, 20))
    app.logs.append([LogText(new_id(), "password=hunter2\nfine\n", job=job, run=run, marks=marks)])
    (line,) = client.get(f"{API}/logs", params={"words": "PASS", "level": "ERROR"}).json()["lines"]
    assert (line["text"], line["level"], line["job"], line["run"]) == ("password=***", "ERROR", str(job), line["time"])
    found = client.get(f"{API}/logs", params={"job": str(job), "attempt": 1}).json()
    assert ([each["text"] for each in found["lines"]], found["next"]) == (["fine", "password=***"], None)
    assert client.get(f"{API}/logs", params={"job": str(job), "attempt": 9}).status_code == 404
    assert client.get(f"{API}/logs", params={"since": "2020-01-01", "until": "2020-01-02"}).json()["lines"] == []
    assert client.get(f"{API}/logs", params={"words": "a\0b"}).status_code == 422


def test_long_logs_come_in_parts(client: TestClient, app: App) -> None:
    job = queue_job(ADD, {"a": 1})
    assert app.logs is not None
    app.logs.append([LogText(new_id(), f"{n}" * 100_000, job=job) for n in range(4)])
    text, after, more = "", None, True
    while more:
        part = client.get(f"{API}/jobs/{job}/logs", params={"after": after} if after else {})
        assert len(part.content) < 1_000_000
        text, after, more = text + part.json()["text"], part.json()["next"], part.json()["more"]
    assert text == "".join(f"{n}" * 100_000 for n in range(4))


def test_no_answer_is_large(client: TestClient, app: App) -> None:
    large = {"text": "\u0001" * 2_000_000, "list": list(range(100_000)), **{f"k{n}": "v" * 100 for n in range(10_000)}}
    history = [
        {"date": app.clock.now(), "status": "failed", "exceptiontype": "E", "traceback": "x" * 50_000,
         "original_traceback": "y" * 50_000} for _ in range(30)
    ]  # fmt: skip
    job = put(
        app, "failed", params=large, result=large["list"], exceptiontype="E", traceback="z" * 300_000,
        traceback_history=history,
    )  # fmt: skip
    for _ in range(20):
        put(app, "success", params={"text": "x" * 1_000_000})
    for path in (f"jobs/{job}", "jobs?limit=200", "failures", "overview"):
        answer = client.get(f"{API}/{path}")
        assert answer.status_code == 200
        assert len(answer.content) < 2_000_000, (path, len(answer.content))
    assert len(listed(client, limit=200)) == 21  # 20 MB of params are two batches of the database


def test_a_job_is_requeued_and_cancelled(client: TestClient, app: App) -> None:
    job = put(app, "failed", exceptiontype="E", retry_count=3, dateexpires=app.clock.now())
    assert client.post(f"{API}/jobs/{job}/requeue", json={"reason": "fixed"}).json() == {"done": True}
    record = app.jobs.fetch(app.jobs.parse_id(job))
    assert record is not None
    assert (record.status, record.retry_count, record.dateexpires) == (Status.QUEUED, 0, None)
    assert client.post(f"{API}/jobs/{job}/cancel", json={}).status_code == 200
    entries = client.get(f"{API}/audit", params={"target": job}).json()["entries"]
    assert [(e["what"], e["reason"], e["who"], e["count"]) for e in entries] == [
        ("job.cancel", "", "local", 1), ("job.requeue", "fixed", "local", 1),
    ]  # fmt: skip


def test_a_requeued_job_may_go_elsewhere(client: TestClient, app: App) -> None:
    job = put(app, "failed", exceptiontype="E")
    assert client.post(f"{API}/jobs/{job}/requeue", json={"queue": "x_raw"}).status_code == 422
    assert client.post(f"{API}/jobs/{job}/requeue", json={"queue": "other"}).status_code == 200
    record = app.jobs.fetch(app.jobs.parse_id(job))
    assert record is not None
    assert record.queue == "other"


def test_every_run_of_a_job_and_what_it_has_queued(client: TestClient, app: App) -> None:
    now = app.clock.now()
    run = {"datequeued": now, "datestarted": now, "dateended": now, "end": "retry", "exceptiontype": "KeyError",
           "message": "password=hunter2", "deploy": "v7", "time": 0.25}  # fmt: skip
    parent = put(app, "success", attempts=[run], datestarted=now + timedelta(seconds=5), dateupdated=now)
    children = [put(app, "queued", parent=app.jobs.parse_id(parent)) for _ in range(21)]
    found = client.get(f"{API}/jobs/{parent}").json()
    assert [(each["end"], each["exceptiontype"], each["deploy"]) for each in found["runs"]] == [
        ("retry", "KeyError", "v7"), ("success", None, None),
    ]  # fmt: skip
    assert (found["runs"][0]["cpu"], found["parent"]) == (0.25, None)
    assert "hunter2" not in json.dumps(found)
    listed = client.get(f"{API}/jobs/{parent}/children").json()
    assert ([job["id"] for job in listed["jobs"]], listed["more"]) == (children[:20], True)
    assert client.get(f"{API}/jobs/{children[0]}").json()["parent"] == parent
    assert client.get(f"{API}/jobs/{'0' * 24}/children").status_code == 404


def test_a_job_that_bursts_leave_to_containers_says_so(client: TestClient, app: App) -> None:
    found = [
        client.get(f"{API}/jobs/{put(app, 'queued', overruns=overruns)}").json()["left_to_containers"]
        for overruns in (MOST_OVERRUNS - 1, MOST_OVERRUNS)
    ]
    assert found == [False, True]


def test_jobs_are_counted_by_groups_of_statuses(client: TestClient, app: App) -> None:
    for status in ("queued", "success", "success", "timeout", "retry", "cancel", "abort"):
        put(app, status, queue="counted", **({"exceptiontype": "E"} if status in ("timeout", "retry") else {}))
    put(app, "queued", queue="other")
    found = client.get(f"{API}/jobs/counts", params={"queue": "counted", "status": "failed"}).json()
    assert {name: count["jobs"] for name, count in found.items()} == {
        "waiting": 1, "running": 0, "success": 2, "failed": 1, "returning": 1, "off": 2,
    }  # fmt: skip
