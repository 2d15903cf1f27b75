"""Keys and later starts, as producers write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from mrq.exceptions import InvalidParamsError
from mrq.job import Job, queue_job, queue_jobs
from mrq.task import task
from mrq.testing import run_jobs
from unit.face.sampletasks import add, fetch

if TYPE_CHECKING:
    from mrq.app import App

ADD = "unit.face.sampletasks.add"
NOON = datetime(2100, 1, 1, 12)

pytestmark = pytest.mark.usefixtures("memory_app")


def document(job: Any) -> dict[str, Any]:
    return Job(job).fetch().data or {}


@task
def underscored(_key: str) -> None:
    """Its parameter is called as ours."""


def test_a_job_is_queued_once_for_its_key() -> None:
    job = queue_job(ADD, {"a": 1}, key="x")
    assert queue_job(ADD, {"a": 2}, key="x") == job
    assert queue_job(ADD, {"a": 2}, key="y") != job
    assert queue_job(ADD, {"a": 2}) != job
    assert document(job)["params"] == {"a": 1}
    run_jobs()
    assert queue_job(ADD, {}, key="x", key_ttl=60) == job
    assert queue_job(ADD, {}, key="x") != job


def test_many_jobs_are_queued_once_for_their_keys() -> None:
    ids = queue_jobs(ADD, [{"a": n} for n in range(4)], keys=["x", "y", "x", None], batch_size=2)
    assert ids[0] == ids[2]
    assert len(set(ids)) == 3
    assert queue_jobs(ADD, [{}, {}], keys=("y", "x")) == [ids[1], ids[0]]
    assert queue_jobs(ADD, [], keys=[]) == []
    with pytest.raises(InvalidParamsError, match=r"1 keys for 2 jobs .*; nothing was queued"):
        queue_jobs(ADD, [{}, {}], keys=["x"])


def test_a_task_function_is_queued_once_for_its_key() -> None:
    job = add.queue(1, _key="x")  # type: ignore[call-arg]
    assert document(job.id)["params"] == {"a": 1}
    assert add.queue(2, b=3, _key="x", _key_ttl=60).id == job.id  # type: ignore[call-arg]
    assert add.once("x").queue(2).id == job.id
    assert queue_job(add.path, {}, key="x") == job.id
    run_jobs()
    assert add.queue(2, _key="x", _key_ttl=60).id == job.id  # type: ignore[call-arg]
    assert add.once("x", ttl=60).queue(2).id == job.id
    again = add.once("x").queue(2)
    assert again.id != job.id
    run_jobs()
    assert again.result(timeout=0) == 3


def test_many_calls_of_a_task_function_are_queued_once_for_their_keys() -> None:
    calls: list[dict[str, Any]] = [{"a": 1, "_key": "x"}, {"a": 2}, {"a": 3, "_key": "x"}]
    first, second, third = add.queue_many(calls)
    assert first.id == third.id != second.id
    assert document(first.id)["params"] == {"a": 1}
    run_jobs()
    assert [job.id for job in add.queue_many([calls[0]], key_ttl=60)] == [first.id]
    assert [job.id for job in add.queue_many([calls[0]])] != [first.id]


def test_a_parameter_that_is_called_so_is_a_parameter() -> None:
    first, second = underscored.queue(_key="x"), underscored.queue(_key="x")
    assert first.id != second.id
    assert document(first.id)["params"] == {"_key": "x"}
    assert "_key" not in document(fetch.queue("u", _key="x").id)["params"].get("headers", {})


@pytest.mark.parametrize("key", ["", 7, b"x"])
def test_bad_keys_are_refused(key: Any) -> None:
    with pytest.raises(InvalidParamsError, match="a key of"):
        queue_job(ADD, {}, key=key)


def test_a_key_is_remembered_for_as_long_as_jobs_are_kept(memory_app: App) -> None:
    memory_app.settings.tasks[ADD] = {"default_ttl": 10}
    assert memory_app.key_terms(ADD, ["x"], 60).kept == 30 * 86400
    assert memory_app.key_terms("tasks.T", ["x"], 60).kept == 180 * 86400


# ---- later


def test_a_job_is_queued_for_later() -> None:
    job = queue_job(ADD, {}, delay=60)
    late = document(job)["datedue"] - datetime.now(UTC).replace(tzinfo=None)
    assert timedelta(seconds=59) < late <= timedelta(seconds=60)
    assert "datedue" not in document(queue_job(ADD, {}, delay=0))
    assert [document(each)["datedue"] for each in queue_jobs(ADD, [{}, {}], due=NOON)] == [NOON, NOON]
    job_at = add.queue_at(NOON, 1, b=2)
    assert (document(job_at.id)["datedue"], document(job_at.id)["params"]) == (NOON, {"a": 1, "b": 2})
    run_jobs()
    assert document(job_at.id)["status"] == "queued"


def test_a_time_with_a_zone_is_stored_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    assert document(add.queue_at(NOON.replace(tzinfo=zone), 1).id)["datedue"] == NOON - timedelta(hours=2)
    assert document(queue_job(ADD, {}, due=NOON.replace(tzinfo=UTC)))["datedue"] == NOON


def test_lengths_of_time_may_be_timedeltas() -> None:
    late = document(queue_job(ADD, {}, delay=timedelta(minutes=1)))["datedue"] - datetime.now(UTC).replace(tzinfo=None)
    assert timedelta(seconds=59) < late <= timedelta(seconds=60)
    job, minute = queue_job(ADD, {"a": 1}, key="x"), timedelta(minutes=1)
    run_jobs()
    assert queue_job(ADD, {}, key="x", key_ttl=minute) == job
    assert queue_jobs(ADD, [{}], keys=["x"], key_ttl=minute) == [job]
    assert add.queue(2, _key="x", _key_ttl=minute).id == job  # type: ignore[call-arg]
    assert add.once("x", ttl=minute).queue(2).id == job
    assert add.queue_many([{"a": 1, "_key": "x"}], key_ttl=minute)[0].id == job


NO_SPANS = (-1, float("nan"), float("inf"), 10**400, "5", True, timedelta(seconds=-1), NOON)
NO_MOMENTS = (60, "2100-01-01", NOON.date(), datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))))


@pytest.mark.parametrize(
    ("about", "named"),
    [
        *(({"delay": value}, "delay should be a number of seconds") for value in NO_SPANS),
        ({"delay": 1e12}, "delay=1000000000000.0 is beyond the year 9999"),
        *(({"due": value}, "due should be a datetime") for value in NO_MOMENTS),
        ({"delay": 1, "due": NOON}, "delay=1 and due=.* both say when"),
        ({"delay": 0, "due": NOON}, "delay=0 and due=.* both say when"),
        *(({"key": "x", "key_ttl": value}, "key_ttl should be a number of seconds") for value in (*NO_SPANS, None)),
        ({"key_ttl": -1}, "key_ttl should be"),
    ],
)
def test_what_is_no_time_is_refused(memory_app: App, about: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidParamsError, match=f"{named}.*nothing was queued"):
        queue_job(ADD, {}, **about)
    assert memory_app.jobs.queue_names() == set()


def test_task_functions_refuse_what_is_no_time(memory_app: App) -> None:
    for value in NO_MOMENTS:
        with pytest.raises(InvalidParamsError, match="when should be a datetime"):
            add.queue_at(value, 1)  # type: ignore[arg-type]
    for bad in NO_SPANS:
        ttl: Any = bad
        for name, call in (
            ("_key_ttl", lambda ttl=ttl: add.queue(1, _key="x", _key_ttl=ttl)),  # type: ignore[call-arg]
            ("ttl", lambda ttl=ttl: add.once("x", ttl)),
            ("key_ttl", lambda ttl=ttl: add.queue_many([{"a": 1, "_key": "x"}], key_ttl=ttl)),
        ):
            with pytest.raises(InvalidParamsError, match=f"^{name} should be a number of seconds"):
                call()
    assert memory_app.jobs.queue_names() == set()


@pytest.mark.parametrize("keys", ["x", b"x", 7, {"x"}])
def test_keys_that_are_no_list_are_refused(keys: Any) -> None:
    with pytest.raises(InvalidParamsError, match=r"keys for jobs of .* should be a list"):
        queue_jobs(ADD, [{}], keys=keys)
    with pytest.raises(InvalidParamsError, match="should be a list when there are keys"):
        queue_jobs(ADD, ({} for _ in range(1)), keys=["x"])  # type: ignore[arg-type]


def test_a_key_and_a_later_start_go_together() -> None:
    job = queue_job(ADD, {}, key="x", due=NOON)
    assert queue_job(ADD, {}, key="x") == job
    assert document(job)["datedue"] == NOON
