"""`mrq job ID`, with rich and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mrq.cli import job as command
from mrq.domain.change import MOST_OVERRUNS
from mrq.job import queue_job
from mrq.ports.logs import LogText
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from cli.conftest import Mrq

    from mrq.app import App

TASKS = """
from mrq.task import task

@task(retries=1, retry_delay=0)
def divide(a, b):
    return a / b
"""


@pytest.fixture
def queued(app: App, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "tasks_to_show.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(**params: int) -> str:
        job_id = queue_job("tasks_to_show.divide", params)
        run_jobs(app=app)
        return str(job_id)

    return run


@pytest.fixture(params=["rich", "plain"])
def printed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr(command, "Console", None)


@pytest.mark.usefixtures("configured", "printed")
def test_a_job_that_ended_well(mrq: Mrq, queued: Any) -> None:
    job_id = queued(a=6, b=4)
    code, out, err = mrq("job", job_id)
    assert (code, err) == (0, "")
    shown = dict(line.split(None, 1) for line in out.split("\n\n")[0].splitlines())
    assert (shown["job"], shown["status"], shown["task"]) == (job_id, "success", "tasks_to_show.divide")
    assert (shown["params"], shown["result"]) == ('{"a": 6, "b": 4}', "1.5")
    assert shown["started"].endswith(" UTC")
    assert "Traceback" not in out


@pytest.mark.usefixtures("configured", "printed")
def test_a_job_that_failed_again_and_again(mrq: Mrq, queued: Any) -> None:
    code, out, _ = mrq("job", queued(a=1, b=0))
    assert code == 0
    assert "exception     ZeroDivisionError" in out
    assert "failure group " in out
    assert out.count("ZeroDivisionError: division by zero") == 2  # the last run, and the one before
    assert "\nEarlier run 1: retry at " in out
    assert "Earlier run 2" not in out


@pytest.mark.usefixtures("configured", "printed")
def test_what_was_traced_of_a_run_is_said(mrq: Mrq, queued: Any, app: App) -> None:
    job_id = queued(a=6, b=4)
    jobs, key = app._database.mrq_jobs, app.jobs.parse_id(job_id)
    run = (jobs.find_one({"_id": key}) or {})["datestarted"]
    waited = {"run": run, "sums": [["http.get", 0.161, 2], ["dns.getaddrinfo", 0.002, 1]]}
    traced = {"time": 0.25, "switches": 1, "longest": {"seconds": 0.2, "stack": ""}, "io": waited}
    jobs.update_one({"_id": key}, {"$set": traced})
    out = mrq("job", job_id)[1]
    assert "0.250 s of it at work, 1 switch, others kept waiting for 0.200 s at most" in out
    assert "waited for http.get 0.161 s (2), dns.getaddrinfo 0.002 s (1)" in out


@pytest.mark.usefixtures("configured", "printed")
def test_a_job_from_a_raw_queue(mrq: Mrq, app: App) -> None:
    job_id = queue_job("tasks.T", {}, queue="again")
    assert "raw queue" not in mrq("job", str(job_id))[1]
    app._database.mrq_jobs.update_one({"_id": job_id}, {"$set": {"raw_queue": "pages_raw/x"}})
    lines = mrq("job", str(job_id))[1].splitlines()
    assert lines[3:5] == ["queue         again", "raw queue     pages_raw/x"]


@pytest.mark.usefixtures("configured", "printed")
def test_a_job_that_the_ends_of_bursts_have_cut_short(mrq: Mrq, app: App) -> None:
    job_id = queue_job("tasks.T", {})
    for overruns, left in ((MOST_OVERRUNS - 1, False), (MOST_OVERRUNS, True)):
        app._database.mrq_jobs.update_one({"_id": job_id}, {"$set": {"overruns": overruns}})
        out = " ".join(mrq("job", str(job_id))[1].split())
        assert f"cut short by the ends of {overruns} burst" in out
        assert ("bursts leave it to containers" in out) is left


@pytest.mark.usefixtures("configured", "printed")
def test_the_last_lines_of_a_jobs_log(mrq: Mrq, queued: Any, app: App) -> None:
    job_id = queued(a=6, b=4)
    assert "Log" not in mrq("job", job_id)[1]
    job, logs = app.jobs.parse_id(job_id), app.logs
    assert logs is not None
    logs.append([LogText(app.jobs.new_id(), f"[INFO] line {number}\n", job=job) for number in range(3)])
    assert mrq("job", job_id)[1].endswith("\nLog\n[INFO] line 0\n[INFO] line 1\n[INFO] line 2\n")
    text = "".join(f"[INFO] line {number}\n" for number in range(3, 30))
    logs.append([LogText(app.jobs.new_id(), text, job=job)])
    _, out, _ = mrq("job", job_id)
    assert f"\nLog, the last 20 lines; mrq logs {job_id} shows more\n[INFO] line 10\n" in out
    assert out.endswith("[INFO] line 29\n")


@pytest.mark.usefixtures("configured")
def test_a_log_that_can_not_be_read_hides_no_job(mrq: Mrq, queued: Any) -> None:
    flags = ("--mongodb_logs", "mongodb://127.0.0.1:1/logs", "--server-timeout", "0.2")
    code, out, _ = mrq("job", queued(a=6, b=4), *flags)
    assert code == 0
    assert "success" in out
    assert "\nLog\nit can't be read: MongoDB is not available" in out


def test_its_help_tells_what_concerns_it(mrq: Mrq) -> None:
    _, out, _ = mrq("job", "--help")
    assert "24 hexadecimal digits" in out
    assert "mrq logs ID" in out
    assert "--mongodb_logs" in out
    assert "--default_job_ttl" not in out
    assert "--trace_io" not in out


@pytest.mark.usefixtures("configured")
def test_a_job_that_is_not_there(mrq: Mrq, app: App) -> None:
    code, out, err = mrq("job", str(app.jobs.new_id()))
    assert (code, out) == (1, "")
    assert "it may have expired" in err
    code, _, err = mrq("job", "17")
    assert code == 1
    assert "is not a job id" in err
