"""`mrq run`: forms of params, results, errors, and queueing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mrq.app import get_app
from mrq.exceptions import AbortInterrupt

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Mrq

TASKS = """
import datetime
from bson import ObjectId
from mrq.context import abort_current_job, get_current_job, log, set_current_job_progress
from mrq.exceptions import InvalidParamsError
from mrq.task import Task, task

class Echo(Task):
    def run(self, params):
        return {"params": params, "main": self.is_main_task}

@task
def add(a: int, b: int = 1) -> int:
    return a + b

@task
def things():
    return [datetime.datetime(2026, 1, 2, 3), ObjectId("0123456789abcdef01234567"), "é".encode(), {2, 1}]

@task
def context():
    job = get_current_job()
    set_current_job_progress(0.5, save=True)
    log.info("a line for stderr")
    return [job.id, job.data["path"], type(job.task).__name__]

@task
def aborts():
    abort_current_job()

@task
def fails():
    raise InvalidParamsError("of the task itself")
"""


@pytest.fixture(autouse=True)
def tasks(tmp_path: Path, mrq: Mrq) -> None:
    sys.modules.pop("runtasks", None)
    (tmp_path / "runtasks.py").write_text(TASKS)


@pytest.mark.parametrize(
    ("words", "params"),
    [
        ([], {}),
        (['{"a": 1, "b": [true, null]}'], {"a": 1, "b": [True, None]}),
        (["a", "1", "b", "2"], {"a": "1", "b": "2"}),
    ],
)
def test_forms_of_params(mrq: Mrq, words: list[str], params: object) -> None:
    code, out, _ = mrq("run", "runtasks.Echo", *words)
    assert code == 0
    assert json.loads(out) == {"params": params, "main": True}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "1", "b"], "'b' has no value"),
        (["{a"], "'{a' are no JSON: Expecting property name"),
        (["[1]"], "'[1]' are a JSON list; write an object"),
    ],
)
def test_bad_params_are_explained_in_one_line(mrq: Mrq, words: list[str], said: str) -> None:
    code, out, err = mrq("run", "runtasks.Echo", *words)
    assert (code, out) == (1, "")
    assert err.startswith("mrq: params ")
    assert said in err
    assert err.count("\n") == 1


def test_a_task_function(mrq: Mrq) -> None:
    assert mrq("run", "runtasks.add", '{"a": 2}')[:2] == (0, "3\n")


def test_values_that_json_does_not_know(mrq: Mrq) -> None:
    _, out, _ = mrq("run", "runtasks.things")
    assert json.loads(out) == ["2026-01-02T03:00:00", "0123456789abcdef01234567", "é", [1, 2]]


def test_there_is_a_job_without_an_id_and_logs_go_to_stderr(mrq: Mrq) -> None:
    code, out, err = mrq("run", "runtasks.context")
    assert (code, json.loads(out)) == (0, [None, "runtasks.context", "context"])
    assert "a line for stderr" in err


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("runtasks.Ecko", "(did you mean runtasks.Echo?)"),
        ("nowhere.Echo", "there is no module 'nowhere'"),
        ("Echo", "has no module"),
    ],
)
def test_unknown_tasks(mrq: Mrq, path: str, said: str) -> None:
    code, _, err = mrq("run", path)
    assert code == 1
    assert err.startswith("mrq: task ")
    assert said in err
    assert "Traceback" not in err


def test_what_the_task_raises_keeps_its_traceback(mrq: Mrq) -> None:
    code, _, err = mrq("run", "runtasks.fails")
    assert code == 1
    assert "Traceback" in err
    assert "runtasks.py" in err
    with pytest.raises(AbortInterrupt):
        mrq("run", "runtasks.aborts")
    with pytest.raises(TypeError):
        mrq("run", "runtasks.add")


@pytest.mark.usefixtures("configured")
def test_queueing_prints_the_id(mrq: Mrq) -> None:
    code, out, _ = mrq("run", "runtasks.add", '{"a": 2}', "--queue", "low")
    assert code == 0
    record = get_app().jobs.fetch(get_app().jobs.parse_id(out.strip()))
    assert record is not None
    assert (record.path, record.queue, record.params, record.status) == ("runtasks.add", "low", {"a": 2}, "queued")


def test_the_console_script(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from mrq.cli.main import main_run; main_run()", "runtasks.add", '{"a": 41}']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


def test_a_bad_setting_ends_with_2(mrq: Mrq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MRQ_SERVER_TIMEOUT", "soon")
    code, _, err = mrq("run", "runtasks.add")
    assert code == 2
    assert err.startswith("mrq: ")
    assert "MRQ_SERVER_TIMEOUT" in err


def test_profile_tells_where_the_time_went(mrq: Mrq, tmp_path: Path) -> None:
    (tmp_path / "busy_tasks.py").write_text(
        "from mrq.task import task\ndef inside(): return sum(n * n for n in range(100_000))\n"
        "@task\ndef busy(): return inside() > 0\n"
    )
    code, out, err = mrq("run", "--profile", "busy_tasks.busy")
    assert (code, out) == (0, "true\n")
    assert "cumulative" in err
    assert "(inside)" in err
