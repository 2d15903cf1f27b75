"""Section 4: mrq.task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from compat.kit import finished, in_status, token
from compat.tasks import OneAtATime
from mrq.job import queue_job
from mrq.task import Task

if TYPE_CHECKING:
    from compat.kit import CompatWorker, Site


def test_defaults_of_a_task() -> None:
    task = Task()
    assert task.is_main_task is False
    assert task.max_concurrency == 0
    assert task.status_success_update_w is None
    assert task.status_success_update_j is None
    with pytest.raises(Exception, match="run"):
        task.run({})


def test_run_wrapped_goes_around_run(worker: CompatWorker, queue: str) -> None:
    assert finished(queue_job("compat.tasks.Wrapped", {"value": 5}, queue=queue))["result"] == {"wrapped": 5}


def test_only_the_task_of_the_job_is_the_main_one(worker: CompatWorker, queue: str) -> None:
    result = finished(queue_job("compat.tasks.About", {}, queue=queue))["result"]
    assert (result["main"], result["other_main"]) == (True, False)


def test_one_at_a_time_the_others_end_as_maxconcurrency(site: Site, worker: CompatWorker, queue: str) -> None:
    assert OneAtATime.max_concurrency == 1
    flag = token()
    first = queue_job("compat.tasks.OneAtATime", {"flag": flag}, queue=queue)
    in_status(first, "started")
    second = queue_job("compat.tasks.OneAtATime", {"flag": flag}, queue=queue)
    document = in_status(second, "maxconcurrency")
    assert document["exceptiontype"] == "MaxConcurrencyInterrupt"
    site.flag(flag)
    assert finished(first)["status"] == "success"
    assert finished(queue_job("compat.tasks.OneAtATime", {"flag": flag}, queue=queue))["status"] == "success"


@pytest.mark.parametrize(("w", "j"), [(0, None), (1, None), (1, True), (None, None)])
def test_a_task_may_ask_for_less_when_its_success_is_written(worker: CompatWorker, queue: str, w: Any, j: Any) -> None:
    document = finished(queue_job("compat.tasks.Careless", {"w": w, "j": j}, queue=queue))
    assert (document["status"], document["result"]) == ("success", "done")


def test_a_path_that_leads_nowhere_fails_the_job(worker: CompatWorker, queue: str) -> None:
    document = finished(queue_job("compat.tasks.Missing", {}, queue=queue))
    assert document["status"] == "failed"
    assert "Missing" in document["traceback"]
