"""Profiles and traces of memory: what goes wrong in them is no job's, and no worker's, fault."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gevent
import objgraph
import pytest
from gevent.monkey import get_original

from mrq.ports.errors import StoreUnavailableError
from mrq_container import objects
from mrq_container.objects import ObjectTrace
from mrq_container.profiler import Profiler, Sampling
from mrq_container.reportfile import ReportFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_a_type_that_can_not_be_looked_for_fails_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> Any:
        raise ReferenceError("weakly-referenced object no longer exists")

    monkeypatch.setattr(objgraph, "by_type", gone)
    trace = ObjectTrace("dict", str(tmp_path))
    run: Any = SimpleNamespace(job=SimpleNamespace(id="j"))
    trace.watch(run)()
    assert trace.failed == 1


def test_nothing_is_added_to_a_profile_that_is_over() -> None:
    sampling = Sampling(get_original("_thread", "get_ident")())
    sampling.look()
    stacks, samples = sampling.stop()
    assert (sum(stacks.values()), samples) == (1, 1)
    sampling.look()  # as the thread does that has just looked at the clock
    assert sum(stacks.values()) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("dictionary changed size during iteration"), "the profile p can't be made (1 times so far): "),
        (StoreUnavailableError("MongoDB is away"), "the profile p can't be stored (1 times so far): MongoDB is away"),
    ],
)
def test_a_profile_that_can_not_be_made_or_stored_ends_no_worker(
    caplog: pytest.LogCaptureFixture, error: Exception, said: str
) -> None:
    class Broken:
        def put(self, profile: Any) -> None:
            raise error

    clock: Any = SimpleNamespace(now=lambda: datetime(2026, 1, 1), monotonic=lambda: 1.0)
    name: Any = "p"
    broken: Any = Broken()
    profiler = Profiler(broken, clock, lambda: name, lambda: name)
    profiler.begin()
    profiler.finish()
    assert said in caplog.text
    profiler.start(0.02)
    gevent.get_hub().join()
    assert profiler.failed == 2
    assert "(2 times so far)" in caplog.text
    assert profiler.start(0.02).startswith("makes the profile"), "the next one may be better"
    gevent.get_hub().join()


def test_a_report_that_does_not_fit_on_the_disk_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "report.json"
    file = ReportFile(str(path))
    file.write({"jobs": 1})

    def full(self: Path, *_: Any, **__: Any) -> None:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        for _ in range(3):
            file.write({"jobs": 2})
    assert (json.loads(path.read_text()), file.failed) == ({"jobs": 1}, 3)
    assert list(tmp_path.iterdir()) == [path], "no part of one keeps the room"
    assert caplog.text.count("can't be written (1 times so far): [Errno 28]") == len(caplog.records) == 1
    file.write({"jobs": 3})
    assert json.loads(path.read_text()) == {"jobs": 3}
    ReportFile("").write({})


class Page:
    """What is left."""


kept: list[Page] = []


@pytest.fixture
def leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Watches a job that leaves a page, on a machine whose `dot` is a shell script, or isn't there."""

    def left(dot: str | None) -> None:
        programs = tmp_path / "bin"
        programs.mkdir()
        if dot is not None:
            (programs / "dot").write_text(f"#!/bin/sh\n{dot}\n")
            (programs / "dot").chmod(0o755)
        monkeypatch.setenv("PATH", str(programs))
        run: Any = SimpleNamespace(job=SimpleNamespace(id="j", path="tasks.Leaks"))
        done = ObjectTrace(f"{__name__}.Page", str(tmp_path / "pictures")).watch(run)
        kept.append(Page())
        done()

    yield left
    kept.clear()


def test_without_graphviz_the_log_says_what_to_do_with_the_source(
    leave: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    leave(None)
    (source,) = (tmp_path / "pictures").iterdir()
    assert source.name == f"tasks.Leaks-{__name__}.Page-j.dot"
    assert "digraph" in source.read_text()
    assert "Page" in source.read_text()
    assert f"drawn in {source}; Graphviz isn't installed" in caplog.text
    assert f"dot -Tpng -O {source.name}" in caplog.text
    assert "-> dict -> list kept -> Page" in caplog.text
    assert capfd.readouterr().out == "", "metrics go to the output, which others read"


def test_graphviz_makes_a_picture_in_place_of_the_source(
    leave: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    temporary = Path(tempfile.gettempdir())
    before = set(temporary.glob("objgraph-*"))
    dot = shutil.which("dot")
    leave(f'exec {dot} "$@"' if dot else 'read first < "$4"; echo "PNG of $first" > "$3"')
    (picture,) = (tmp_path / "pictures").iterdir()
    assert picture.name == f"tasks.Leaks-{__name__}.Page-j.png"
    assert b"PNG" in picture.read_bytes()[:4]
    assert f"drawn in {picture}\n" in caplog.text
    assert capfd.readouterr().out == ""
    assert set(temporary.glob("objgraph-*")) <= before


@pytest.mark.parametrize(
    ("dot", "said"),
    [('echo part > "$3"; echo "no fonts" >&2; exit 3', "no fonts"), ("while :; do :; done", "timed out")],
    ids=["fails", "hangs"],
)
def test_a_graphviz_that_fails_leaves_the_source(
    leave: Callable[..., None],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    dot: str,
    said: str,
) -> None:
    monkeypatch.setattr(objects, "LONGEST_DRAWING", 1.0)
    leave(dot)
    (source,) = (tmp_path / "pictures").iterdir()
    assert source.suffix == ".dot"
    assert f"drawn in {source}; Graphviz made no picture of it: " in caplog.text
    assert said in caplog.text
