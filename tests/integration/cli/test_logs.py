"""`mrq logs` and `mrq.logs`, after real jobs."""

from __future__ import annotations

import json
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from mrq import logs
from mrq.cli.logs import LAST_LOOKS
from mrq.domain.loglines import LogMark
from mrq.exceptions import InvalidParamsError, JobNotFoundError
from mrq.job import queue_job
from mrq.logger import MongoHandler, TolerantFormatter
from mrq.ports.logs import LogText
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.conftest import Mrq

    from mrq.app import App

TASKS = """
import logging
from mrq.context import get_current_job, log, retry_current_job
from mrq.task import task

tries = []

@task
def speak(name):
    tries.append(name)
    log.info("%s speaks for the %d. time", name, len(tries))
    log.warning("%s has a cold\\n  and coughs", name)
    if len(tries) == 1:
        retry_current_job(delay=0)
"""


@pytest.fixture
def job(app: App, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A job that has run twice, and what it has logged."""
    import logging

    (tmp_path / "tasks_that_speak.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tasks_that_speak", raising=False)
    handler = MongoHandler()
    handler.setFormatter(TolerantFormatter("[%(levelname)s] %(message)s"))
    logger = logging.getLogger("mrq.current")
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    logger.addHandler(handler)
    job = queue_job("tasks_that_speak.speak", {"name": "Ada"})
    run_jobs("default", app=app)
    handler.write()
    yield job
    logger.removeHandler(handler)


@pytest.mark.usefixtures("configured")
def test_lines_are_shown_newest_last_and_looked_for(mrq: Mrq, job: Any) -> None:
    all_lines = [
        "[INFO] Ada speaks for the 1. time", "[WARNING] Ada has a cold", "  and coughs",
        "[INFO] Ada speaks for the 2. time", "[WARNING] Ada has a cold", "  and coughs",
    ]  # fmt: skip
    for words in ((str(job),), (str(job), "--hours", "1")):
        code, out, err = mrq("logs", *words)
        assert (code, out.splitlines(), err) == (0, all_lines, "")
    code, out, err = mrq("logs")
    named = [f"job {job}: {line}" for line in all_lines]
    assert (code, out.splitlines(), err) == (0, named, ""), "whose line it is"
    assert mrq("logs", "--search", "ADA SPEAKS")[1].splitlines() == [named[0], named[3]]
    assert mrq("logs", "--level", "warning", "--limit", "1")[1].splitlines() == named[4:]
    assert mrq("logs", str(job), "--attempt", "1")[1].splitlines() == all_lines[:3]
    assert mrq("logs", str(job), "--attempt", "-1")[1].splitlines() == all_lines[3:]
    line = json.loads(mrq("logs", str(job), "--attempt", "2", "--level", "warning", "--json")[1])
    assert (line["level"], line["job"], line["worker"]) == ("WARNING", str(job), None)
    assert line["text"] == "[WARNING] Ada has a cold\n  and coughs"
    assert line["run"] <= line["time"]


def piece(app: App, *lines: tuple[str, datetime | None]) -> None:
    """Of a job of its own."""
    text = "".join(f"{line}\n" for line, _ in lines)
    marks = tuple(LogMark(len(line) + 1, at, 20) for line, at in lines)
    assert app.logs is not None
    app.logs.append([LogText(app.jobs.new_id(), text, job=app.jobs.new_id(), marks=marks)])


def texts(out: str) -> list[str]:
    """What was written, without by whom."""
    return [line.partition(": ")[2] for line in out.splitlines()]


@pytest.mark.usefixtures("configured")
def test_lines_of_several_jobs_come_in_the_order_of_their_times(mrq: Mrq, app: App) -> None:
    def at(second: int) -> datetime:
        return datetime(2026, 1, 1, 0, 0, second)

    piece(app, ("b", at(2)), ("d", at(4)), ("unknown", None))
    piece(app, ("a", at(1)), ("c", at(3)), ("e", at(5)))
    code, out, err = mrq("logs")
    assert (code, texts(out), err) == (0, ["a", "b", "c", "d", "unknown", "e"], "")
    assert texts(mrq("logs", "--limit", "4")[1]) == ["c", "d", "unknown", "e"]


@pytest.mark.usefixtures("configured")
def test_that_there_are_older_lines_is_said(mrq: Mrq, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 1, 1)
    for _ in range(2):
        piece(app, ("one", now), ("two", now))
    for limit in ("1", "2", "3"):
        code, out, said = mrq("logs", "--limit", limit)
        assert (code, len(texts(out))) == (0, int(limit))
        assert said == f"mrq: there are older lines; --limit {limit}0 shows more\n"
    assert mrq("logs", "--limit", "4")[2] == ""
    assert mrq("logs")[2] == ""
    monkeypatch.setattr("mrq.stores.mongo_logs.SEARCHED", 1)
    code, out, said = mrq("logs")
    assert (code, texts(out)) == (0, ["one", "two"])
    last = said.partition("before='")[2].partition("'")[0]
    assert "older log was not searched" in said
    assert [found.line.text for found in logs.search(before=last).lines] == ["two", "one"]


@pytest.mark.usefixtures("configured")
def test_what_makes_no_sense_is_said(mrq: Mrq, job: Any, app: App) -> None:
    assert mrq("logs", str(job), "--attempt", "3")[::2] == (
        1, f"mrq: job {job} has 2 known runs; there is no number 3\n",
    )  # fmt: skip
    assert mrq("logs", "17")[0] == 1
    assert "goes with a JOB" in mrq("logs", "--follow")[2]
    code, _, said = mrq("logs", str(app.jobs.new_id()), "--follow")
    assert (code, "there is no job" in said) == (1, True)
    with pytest.raises(JobNotFoundError):
        logs.search(job=app.jobs.new_id(), attempt=1)
    for wrong in ({"attempt": 1}, {"level": "LOUD"}, {"job": job, "attempt": 0}):
        with pytest.raises(InvalidParamsError):
            logs.search(**wrong)


@pytest.mark.usefixtures("configured")
def test_a_log_is_followed(mrq: Mrq, job: Any, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()

    def pause(_seconds: float) -> None:
        if looked.is_set():
            raise KeyboardInterrupt
        looked.set()
        assert app.logs is not None
        oldest, again = ObjectId("000000000000000000000001"), datetime(2100, 1, 1)  # as of a clock that is far behind
        app.logs.append([LogText(oldest, "[INFO] and on\nAda goes\n", job=job, run=again)])

    monkeypatch.setattr("mrq.cli.logs.sleep", pause)
    code, out, _ = mrq("logs", str(job), "--follow", "--search", "ada goes")
    assert (code, out) == (0, "Ada goes\n")


@pytest.mark.usefixtures("configured")
def test_following_ends_a_moment_after_the_job(mrq: Mrq, job: Any, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 1:
            app.jobs.collection.update_one({"_id": job}, {"$set": {"status": "success"}})
        if len(looks) == 3:
            assert app.logs is not None
            late = LogText(app.jobs.new_id(), "[INFO] the last word\n", job=job, run=datetime(2100, 1, 1))
            app.logs.append([late])
        assert len(looks) < 20, "it goes on for ever"

    app.jobs.collection.update_one({"_id": job}, {"$set": {"status": "started"}})
    monkeypatch.setattr("mrq.cli.logs.sleep", pause)
    code, out, _ = mrq("logs", str(job), "--follow")
    assert (code, out.splitlines()[-1]) == (0, "[INFO] the last word")
    assert len(looks) == 3 + LAST_LOOKS, "not once more after the last look"


@pytest.mark.usefixtures("configured")
def test_that_there_are_no_lines_is_said(mrq: Mrq, app: App) -> None:
    code, out, said = mrq("logs", str(app.jobs.new_id()))
    assert (code, out, said) == (0, "", "mrq: no such lines are in the newest pieces of log\n")
