"""The commands as scripts, the way MRQ 0.9's users and tests start them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mrq
from mrq.app import get_app
from mrq.version import VERSION

if TYPE_CHECKING:
    from mrq.app import App

BIN = Path(mrq.__file__).parent / "bin"
TASKS = """
from mrq.context import get_current_job, subpool_map
from mrq.task import Task

class Add(Task):
    def run(self, params):
        seen = subpool_map(2, lambda n: get_current_job().id, range(3))
        return int(params.get("a", 0)) + int(params.get("b", 0)) if seen == [None] * 3 else seen

class Params(Task):
    def run(self, params):
        return params
"""

RUN = [["-m", "mrq.bin.mrq_run"], [str(BIN / "mrq_run.py")]]
WORKER = [["-m", "mrq.bin.mrq_worker"], [str(BIN / "mrq_worker.py")]]


@pytest.fixture
def servers_in_environment(
    app: App, mongodb_url: str, redis_url: str, redis_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRQ_MONGODB_JOBS", mongodb_url)
    monkeypatch.setenv("MRQ_REDIS", redis_url)
    monkeypatch.setenv("MRQ_REDIS_PREFIX", redis_prefix)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bintasks.py").write_text(TASKS)
    return tmp_path


def start(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("script", RUN)
def test_a_task_is_run_in_place(folder: Path, script: list[str]) -> None:
    done = start(folder, *script, "--quiet", "bintasks.Add", json.dumps({"a": 41, "b": 1}))
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


def test_forms_of_params_and_exit_codes(folder: Path) -> None:
    assert json.loads(start(folder, *RUN[0], "bintasks.Params").stdout) == {}  # 0.9 made {"{": "}"} of nothing
    assert json.loads(start(folder, *RUN[0], "bintasks.Params", "a", "1", "b", "2").stdout) == {"a": "1", "b": "2"}
    odd = start(folder, *RUN[0], "bintasks.Params", "a", "1", "b")
    assert (odd.returncode, odd.stdout) == (1, "")
    assert "'b' has no value" in odd.stderr


@pytest.mark.parametrize("script", [*RUN, *WORKER])
def test_versions_are_two_lines_and_exit_code_1(folder: Path, script: list[str]) -> None:
    done = start(folder, *script, "--version")
    assert done.returncode == 1
    assert re.fullmatch(rf"MRQ \S*{re.escape(VERSION)}\nPython .*\n", done.stdout)


@pytest.mark.usefixtures("servers_in_environment")
@pytest.mark.parametrize("script", WORKER)
def test_a_job_is_queued_by_one_script_and_run_by_the_other(folder: Path, script: list[str]) -> None:
    queued = start(folder, *RUN[0], "--quiet", "--queue", "low", "bintasks.Params", '{"a": 1}')
    assert queued.returncode == 0
    job_id = get_app().jobs.parse_id(queued.stdout.strip().encode())
    worker = start(folder, *script, "low", "--dequeue_strategy", "burst", "--quiet")
    assert worker.returncode == 0, worker.stderr
    record = get_app().jobs.fetch(job_id)
    assert record is not None
    assert (record.status.value, record.result) == ("success", {"a": 1})


def test_a_script_whose_worker_is_not_installed_says_so(folder: Path) -> None:
    code = (
        "import importlib.metadata as m; m.entry_points = lambda **_: []\nfrom mrq.bin.mrq_worker import main; main()"
    )
    done = start(folder, "-c", code)
    assert done.returncode == 1
    assert "pip install 'mrq-cloud[container]'" in done.stderr
