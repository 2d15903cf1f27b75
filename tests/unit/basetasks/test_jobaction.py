"""mrq.basetasks.utils.JobAction, as the dashboard and 0.9's users call it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.context import run_task
from mrq.domain.status import Status
from mrq.exceptions import InvalidParamsError, InvalidQueueError
from mrq.job import Job, queue_job, queue_jobs
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from mrq.app import App

ACTION = "mrq.basetasks.utils.JobAction"
T, U = "tasks.T", "tasks.U"

pytestmark = pytest.mark.usefixtures("memory_app")


def act(action: str | None, **params: Any) -> tuple[int, int]:
    """Run it outside a job; how many were requeued and cancelled."""
    done = run_task(ACTION, {"action": action, **params})
    assert set(done) == {"requeued", "cancelled"}
    return done["requeued"], done["cancelled"]


def in_status(app: App, status: Status, path: str = T, **fields: Any) -> Any:
    job = queue_job(path, {})
    app.jobs._documents[job].update(status=status.value, **fields)  # type: ignore[attr-defined]
    return job


def document(job: Any) -> dict[str, Any]:
    return Job(job).fetch().data or {}


def test_no_action_does_nothing() -> None:
    queue_job(T, {})
    assert run_task(ACTION, {}) == {"requeued": 0, "cancelled": 0}
    assert act("") == (0, 0)
    with pytest.raises(InvalidParamsError, match="no action 'stop'; these are: cancel, requeue, requeue_retry"):
        act("stop")


def test_each_filter_finds_its_jobs(memory_app: App) -> None:
    worker = memory_app.jobs.new_id()
    queue_jobs(T, [{"a": 44, "b": 1}, {"a": 45}], queue="q1")
    queue_jobs(T, [{"a": 44, "b": 2}], queue="main/x")
    chosen = queue_job(U, {}, queue="q2")
    in_status(memory_app, Status.FAILED, U, worker=worker, exceptiontype="KeyError")
    for many, about in (
        (1, {"id": str(chosen)}), (2, {"queue": "q1"}), (3, {"queue": ["q1", "q2"]}), (1, {"queue": "main/"}),
        (4, {"status": "queued"}), (1, {"worker": str(worker)}), (3, {"path": T}), (2, {"path": U}),
        (1, {"exceptiontype": "KeyError"}), (2, {"params": json.dumps({"a": 44})}),
        (1, {"params": json.dumps({"a": 44, "b": 2}), "path": T}), (5, {"status": ""}), (5, {"queue": None}),
    ):  # fmt: skip
        anything = {"status": [status.value for status in Status]}
        assert act("requeue", **{**anything, **{k: v for k, v in about.items() if v}}) == (many, 0), about


def test_requeue_takes_all_but_queued_jobs_unless_told_otherwise(memory_app: App) -> None:
    jobs = [in_status(memory_app, status) for status in Status]
    assert act("requeue") == (len(jobs) - 1, 0)
    assert act("requeue", status="queued") == (len(jobs), 0)


def test_requeue_forgets_retries_and_requeue_retry_does_not(memory_app: App) -> None:
    job = in_status(memory_app, Status.MAXRETRIES, retry_count=3)
    assert act("requeue_retry", status="maxretries") == (1, 0)
    assert (document(job)["status"], document(job)["retry_count"]) == ("queued", 3)
    assert act("requeue", id=str(job), status="queued", destination_queue="noexec") == (1, 0)
    assert (document(job)["queue"], document(job)["retry_count"]) == ("noexec", 0)
    with pytest.raises(InvalidQueueError):
        act("requeue", destination_queue="q_raw")


def test_requeued_jobs_go_behind_those_that_wait(memory_app: App) -> None:
    old = in_status(memory_app, Status.FAILED)
    memory_app.jobs._documents[old]["datequeued"] -= timedelta(days=1)  # type: ignore[attr-defined]
    waiting = queue_job(T, {})
    memory_app.jobs._documents[waiting]["datequeued"] -= timedelta(seconds=1)  # type: ignore[attr-defined]
    act("requeue")
    assert memory_app.jobs.list_ids("default", Status.QUEUED, 0, 10) == [waiting, old]


def test_cancel_takes_every_status_unless_told_otherwise(memory_app: App) -> None:
    jobs = [in_status(memory_app, status) for status in Status]
    assert act("cancel", status="queued") == (0, 1)
    assert act("cancel") == (0, len(jobs))
    assert {document(job)["status"] for job in jobs} == {"cancel"}


@pytest.mark.parametrize(
    ("filtered", "ttl"),
    [
        ({"path": "long.T"}, 9000), ({"path": "short.T"}, 10), ({"path": "other.T"}, 3600),
        ({"path": ["short.T", "long.T"]}, 9000), ({"queue": "default"}, 9000), ({"queue": "default", "path": ""}, 9000),
    ],
)  # fmt: skip
def test_cancelled_jobs_are_kept_for_a_result_ttl(memory_app: App, filtered: dict[str, Any], ttl: float) -> None:
    memory_app.settings.tasks.update({"long.T": {"result_ttl": 9000}, "short.T": {"result_ttl": 10}})
    jobs = [queue_job(path, {}) for path in ("long.T", "short.T", "other.T")]
    act("cancel", **filtered)
    for job in jobs:
        read = document(job)
        if read["status"] == "cancel":
            assert read["dateexpires"] == read["dateupdated"] + timedelta(seconds=ttl)


def test_without_result_ttls_cancelled_jobs_are_kept_for_the_default_timeout(memory_app: App) -> None:
    memory_app.settings.tasks["long.T"] = {"result_ttl": 10}
    job = queue_job(T, {})
    act("cancel")
    assert document(job)["dateexpires"] == document(job)["dateupdated"] + timedelta(seconds=3600)


def test_bad_params_are_refused() -> None:
    for params in ("{", "[1]", 7):
        with pytest.raises(InvalidParamsError, match="JSON text of an object"):
            act("cancel", params=params)
    with pytest.raises(InvalidParamsError, match="no status"):
        act("cancel", status="finished")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pth", "did you mean 'path'"), ("ids", "did you mean 'id'"), ("Queue", "did you mean 'queue'"),
        ("exceptiontypes", "did you mean 'exceptiontype'"), ("destination", "did you mean 'destination_queue'"),
        ("colour", "there are action, id, queue, status"),
    ],
)  # fmt: skip
def test_what_it_does_not_know_is_refused_and_nothing_is_touched(name: str, hint: str) -> None:
    job = queue_job(T, {})
    with pytest.raises(InvalidParamsError, match=f"no param '{name}'; {hint}.*No job was touched"):
        act("cancel", status="queued", **{name: "x"})
    assert document(job)["status"] == "queued"
    assert act("cancel", **{name: ""}) == (0, 1), "an empty field of a form restricts nothing"


@pytest.mark.parametrize("name", ["id", "queue", "status", "worker", "path", "dateretry", "exceptiontype"])
def test_an_empty_list_fits_no_job(memory_app: App, name: str) -> None:
    in_status(memory_app, Status.FAILED)
    assert act("cancel", **{name: []}) == act("requeue", **{name: []}) == (0, 0)
    with pytest.raises(InvalidParamsError, match="no param 'idd'"):
        act("cancel", idd=[])


def test_jobs_are_found_by_their_raw_queue(memory_app: App) -> None:
    first, second = in_status(memory_app, Status.FAILED, raw_queue="x_raw"), in_status(memory_app, Status.FAILED)
    assert act("requeue", queue="x_raw") == (1, 0)
    assert [document(job)["status"] for job in (first, second)] == ["queued", "failed"]
    assert document(first)["queue"] == "default"


def test_a_dictionary_of_params_is_taken_too() -> None:
    queue_jobs(T, [{"a": 1}, {"a": 2}])
    assert act("cancel", params={"a": 1}) == (0, 1)


# ---- in a job


def test_in_a_job_only_what_was_there_before_is_touched_and_never_itself() -> None:
    before = queue_job(T, {}, queue="noexec")
    action = queue_job(ACTION, {"action": "cancel"})
    after = queue_job(T, {}, queue="noexec")
    run_jobs()
    assert [document(job)["status"] for job in (before, action, after)] == ["cancel", "success", "queued"]
    assert document(action)["result"] == {"requeued": 0, "cancelled": 1}
    assert document(action)["progress"] == 1


def test_in_a_job_an_id_may_be_of_a_later_one() -> None:
    action_params: dict[str, Any] = {"action": "cancel", "status": "queued"}
    action = queue_job(ACTION, action_params)
    later = queue_job(T, {}, queue="noexec")
    Job(action).cancel()
    again = queue_job(ACTION, {**action_params, "id": str(later)})
    after = queue_job(T, {}, queue="noexec")
    run_jobs()
    assert document(again)["result"]["cancelled"] == 1
    assert [document(job)["status"] for job in (later, after)] == ["cancel", "queued"]


def test_a_requeue_of_everything_does_not_requeue_itself(memory_app: App) -> None:
    in_status(memory_app, Status.FAILED)
    memory_app.jobs.move(queue_job(T, {}, queue="noexec"), Status.CANCEL, memory_app.clock.now(), {})
    action = queue_job(ACTION, {"action": "requeue", "destination_queue": "noexec"})
    run_jobs()
    assert document(action)["status"] == "success"
    assert document(action)["result"] == {"requeued": 2, "cancelled": 0}
