"""The example `source_index`: its jobs on a small tree of sources, and the second count beside them."""

from __future__ import annotations

import hashlib
import importlib
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.status import Status
from mrq.job import Job
from mrq.stores.memory_reports import MemoryJobReports
from mrq.testing import memory_app, run_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrq.app import App

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = {
    "alpha/__init__.py": b"",
    "alpha/one.py": b"import os\n\nclass A:\n    def f(self): ...\n    async def g(self): ...\n",
    "alpha/deep/two.py": b"from os import path\nimport sys",
    "alpha/__pycache__/cached.py": b"x",
    "beta/broken.py": b"def f(:\n",
    "beta/latin.py": b"name = '\xe9'\n",
    "beta/null.py": b"x = 1\0\n",
    "beta/notes.txt": b"def f(:",
    "empty/readme.txt": b"",
    "single.py": b"def g():\n    return 1\n",
}
UNPARSABLE = 3


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module("source_index.tasks")
    for name in [name for name in sys.modules if name.partition(".")[0] == "source_index"]:
        del sys.modules[name]


@contextmanager
def indexed(example: Any, tree: Path, files: int = 100) -> Iterator[tuple[App, dict[str, Any]]]:
    """All jobs run; the app, and the result of `summarise`."""
    with memory_app() as app:
        first = example.index_everything.queue(files=files, folders=[str(tree)])
        run_jobs("default", "cpu", greenlets=1)
        # summaries that came too early are due again a little later; here that is now
        while app.jobs.bring_back(app.clock.now() + timedelta(hours=1), 100):
            run_jobs("default", "cpu", greenlets=1)
        summary = Job(first.result(timeout=0)["summary"]).fetch().data
        assert summary is not None
        assert summary["status"] == "success", summary.get("traceback")
        yield app, summary["result"]


def test_it_finds_what_is_in_the_files(example: Any, tree: Path) -> None:
    with indexed(example, tree) as (_, totals):
        good = [content for name, content in FILES.items() if name.startswith(("alpha/_", "alpha/o", "alpha/d", "si"))]
        good.remove(FILES["alpha/__pycache__/cached.py"])
        assert totals == {
            "packages": 3,
            "files": 7,
            "unparsable": UNPARSABLE,
            "largest": "alpha",
            "bytes": sum(map(len, good)),
            "lines": 5 + 2 + 2,
            "functions": 3,
            "classes": 1,
            "imports": 3,
        }


def test_files_that_are_no_python_fail_with_the_parsers_own_error(example: Any, tree: Path) -> None:
    with indexed(example, tree) as (app, _):
        documents: Any = app.jobs
        reports = MemoryJobReports(lambda: list(documents._documents.values()))
        assert reports.by_status()[Status.FAILED] == UNPARSABLE
        failures = reports.failures()
        assert sum(group.jobs for group in failures) == UNPARSABLE
        assert {group.path for group in failures} == {"source_index.tasks.index_file"}
        assert {group.exceptiontype for group in failures} <= {"SyntaxError", "ValueError"}
        assert all(group.message.startswith(group.exceptiontype) for group in failures)


@pytest.mark.parametrize("files", [1, 4, 6, 7, 100])
def test_the_second_count_agrees(example: Any, tree: Path, files: int) -> None:
    check = importlib.import_module("source_index.check")
    seen: list[tuple[int, int]] = []
    counted = check.count_input(files, [str(tree)], lambda done, of: seen.append((done, of)))
    with indexed(example, tree, files) as (_, totals):
        assert totals["packages"] == counted.packages
        assert totals["files"] == counted.files == min(files, 7)
        assert totals["unparsable"] == counted.unparsable
        assert totals["bytes"] == counted.size
    assert seen[-1] == (counted.files, counted.files)


def test_an_empty_input_has_an_end_too(example: Any, tmp_path: Path) -> None:
    with indexed(example, tmp_path) as (_, totals):
        assert (totals["packages"], totals["files"], totals["largest"]) == (0, 0, None)


def test_one_file(example: Any, tree: Path) -> None:
    path = tree / "alpha" / "one.py"
    found = example.index_file(str(path), "alpha")
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found["package"] == "alpha"


def test_the_large_jobs_pass_over_what_is_no_python(example: Any, tree: Path) -> None:
    tokens = example.token_frequency(str(tree), True, 100)
    assert ["def", 3] in tokens["frequent"] or tokens["tokens"] > 20
    names = example.longest_identifiers(str(tree), True, 100)
    assert names["names"] == 3  # f and g, each once, and A
    assert names["longest"] == ["A", "f", "g"]


def test_a_summary_waits_for_its_jobs(example: Any, tree: Path) -> None:
    with memory_app() as app:
        job = example.summarise.queue([example.index_package.queue("alpha", str(tree / "alpha"), True, 9).id])
        run_jobs("cpu", greenlets=1)
        assert job.status() is Status.RETRY
        record = app.jobs.fetch(job.id)
        assert record is not None
        assert record.retry_count == 1
