"""Objectives of queues and marks of deploys, through mrq.stats."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mrq.app import App, use_app
from mrq.exceptions import ConfigError
from mrq.job import queue_job
from mrq.stats import deploys, mark_deploy, objectives
from mrq.testing import memory_stores, run_jobs
from mrq.workers import answer, tell

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def app() -> Iterator[App]:
    mails, quiet = {"p95_wait": 60, "failures": 0.1}, {"failures": 0}
    config = {"queues_config": {"mails": {"objectives": mails}, "quiet": {"objectives": quiet}}}
    app = App(config, stores=memory_stores())
    use_app(app)
    yield app
    use_app(None)


def test_objectives_are_judged_by_what_ran(app: App) -> None:
    queue_job("mrq.basetasks.cleaning.RequeueRetryJobs", {}, queue="mails")
    queue_job("tasks.NotThere", {}, queue="mails")
    run_jobs("mails", app=app)
    found = {(each.queue, each.kind): each for each in objectives()}
    assert found["mails", "p95_wait"].holds is True
    assert (found["mails", "failures"].actual, found["mails", "failures"].holds) == (0.5, False)
    assert found["quiet", "failures"].holds is None


@pytest.mark.usefixtures("app")
def test_deploys_are_marked_and_read() -> None:
    mark = mark_deploy(" v1 ")
    assert mark.version == "v1"
    assert deploys(mark.at, mark.at + timedelta(seconds=1)) == [mark]
    assert deploys(mark.at - timedelta(seconds=1), mark.at) == []
    with pytest.raises(ValueError, match="a version is a text"):
        mark_deploy(" ")


@pytest.mark.usefixtures("app")
def test_a_worker_that_is_not_there_can_be_told_nothing() -> None:
    assert tell("0" * 24, "quiet") is None
    assert answer("0" * 24, "1" * 24) is None
    with pytest.raises(ValueError, match="needs greenlets"):
        tell("0" * 24, "resize")


def test_a_wrong_objective_in_the_config_file_is_told(tmp_path: object) -> None:
    from pathlib import Path

    from mrq.settings import load

    file = Path(str(tmp_path)) / "mrq-config.py"
    file.write_text('QUEUES_CONFIG = {"mails": {"objectives": {"p90_wait": 3}}}')
    with pytest.raises(ConfigError, match="can't be an objective; choose from p50_wait"):
        load("client", given={"config": str(file)}, environ={})
