"""How jobs end in a real worker process, as their documents tell it."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from mrq.job import Job, jobs_matching, queue_job
from support.faultsite import FaultSite
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TASKS = "support.jobtasks"


@pytest.fixture(scope="module")
def site(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultSite]:
    """One worker for all tests of the module."""
    name = f"mrq_jobs_{secrets.token_hex(6)}"
    url = urlunsplit(urlsplit(servers.mongodb_url)._replace(path=f"/{name}"))
    folder: Path = tmp_path_factory.mktemp("jobs")
    with FaultSite(url, servers.redis_url, folder, name) as entered:
        entered.worker()
        yield entered
    servers.mongodb.drop_database(name)


def ended(path: str, params: dict[str, Any]) -> dict[str, Any]:
    """The document of a job that was run."""
    return Job(queue_job(f"{TASKS}.{path}", params)).wait(timeout=30, full_data=True)


@pytest.mark.usefixtures("site")
def test_a_job_is_killed_from_its_own_process() -> None:
    for reason, status, kind in (
        ("timeout", "timeout", "TimeoutInterrupt"), ("no longer wanted", "interrupt", "JobInterrupt"),
    ):  # fmt: skip
        job = ended("killed", {"reason": reason})
        assert (job["status"], job["exceptiontype"]) == (status, kind)
        assert f"Job killed: {reason}" in job["traceback"]
        assert "support/jobtasks.py" in job["traceback"]
        assert "dateretry" not in job


@pytest.mark.usefixtures("site")
def test_an_abort_is_kept_with_what_was_being_handled() -> None:
    job = ended("gives_up", {"how": "abort"})
    (entry,) = job["traceback_history"]
    assert (job["status"], entry["exceptiontype"], entry["status"]) == ("abort", "AbortInterrupt", "abort")
    assert "InTheTask" in entry["original_traceback"]
    assert entry["worker"] == job["worker"]
    assert job["dateexpires"] == job["dateupdated"] + timedelta(days=1)


@pytest.mark.usefixtures("site")
def test_retries_come_back_by_themselves_until_they_are_too_many() -> None:
    job_id = queue_job(f"{TASKS}.gives_up", {"how": "retry"})
    wait_until(lambda: Job(job_id).fetch().data["status"] == "maxretries", 30, what="it gave up")  # type: ignore[index]
    job = Job(job_id).fetch().data or {}
    assert [entry["status"] for entry in job["traceback_history"]] == ["retry", "retry", "maxretries"]
    assert all("InTheTask" in entry["original_traceback"] for entry in job["traceback_history"])
    assert (job["retry_count"], job["exceptiontype"]) == (2, "MaxRetriesInterrupt")
    dates = [entry["date"] for entry in job["traceback_history"]]
    assert dates == sorted(set(dates))


@pytest.mark.usefixtures("site")
def test_no_retries_means_none() -> None:
    job = ended("gives_up", {"how": "never"})
    assert (job["status"], job.get("retry_count")) == ("maxretries", None)


@pytest.mark.usefixtures("site")
def test_progress_ends_at_one() -> None:
    job = ended("shows_progress", {})
    assert (job["status"], job["progress"]) == ("success", 1)


@pytest.mark.usefixtures("site")
def test_a_cleaning_task_counts_itself_among_the_started_jobs() -> None:
    job_id = queue_job("mrq.basetasks.cleaning.RequeueStartedJobs", {"timeout": 90})
    assert Job(job_id).wait(timeout=30)["result"] == {"requeued": 0, "started": 1}
    again = queue_job(f"{TASKS}.gives_up", {"how": "later"})
    Job(again).wait(timeout=30)
    assert jobs_matching(ids=again).cancel().moved == 1
    action = queue_job("mrq.basetasks.utils.JobAction", {"action": "requeue", "id": str(again)})
    assert Job(action).wait(timeout=30)["result"] == {"requeued": 1, "cancelled": 0}
