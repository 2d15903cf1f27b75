"""The examples of the documentation and of the README are run; see CONTRIBUTING.md for how blocks are marked."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import re
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import App, use_app, worker_options
from mrq.cli.options import SettingOption
from mrq.engine.threads import ThreadRuntime
from mrq.settings import OPTIONS, load
from mrq.settings.load import RESERVED
from mrq.testing import memory_stores

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WORKER_QUEUES = ("default", "pages", "reports")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    language: str
    title: str | None
    text: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(m[1], m[2], m[3], text[: m.start()].count("\n") + 2) for m in BLOCK.finditer(text)]


def pages_with(*languages: str) -> list[Path]:
    return [page for page in PAGES if any(block.language in languages for block in blocks_of(page))]


def name_of(page: Path) -> str:
    return page.name


@contextmanager
def worker_at_work(app: App) -> Iterator[None]:
    """A worker on threads that runs what the examples queue."""
    queues = (*WORKER_QUEUES, *app.settings.raw_queues)
    options = replace(worker_options(app.settings), queues=queues, greenlets=4, max_latency=0.02)
    worker = app.worker(ThreadRuntime(), options=options)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop.interrupt("the page is done")
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory of the examples; modules imported from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in os.environ if name.startswith("MRQ_")]:
        monkeypatch.delenv(name)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", pages_with("python", "pycon"), ids=name_of)
def test_examples_do_what_they_say(page: Path, folder: Path) -> None:
    blocks = blocks_of(page)
    titled = [block for block in blocks if block.language == "python" and block.title]
    for block in titled:
        (folder / str(block.title)).write_text(block.text)
    loaded = load("worker")
    assert loaded.warnings == []
    app = App(loaded.settings.as_dict(), stores=memory_stores())
    use_app(app)
    try:
        with worker_at_work(app):
            for block in blocks:
                if block.language == "python" and not block.title:
                    compile(block.text, f"{page.name}:{block.line}", "exec")
            run_sessions(page, [block for block in blocks if block.language == "pycon"])
        for block in titled:
            if str(block.title).startswith("test_"):
                module = importlib.import_module(str(block.title).removesuffix(".py"))
                for name, function in vars(module).items():
                    if name.startswith("test_"):
                        function()
    finally:
        use_app(None)


def run_sessions(page: Path, blocks: list[Block]) -> None:
    """Sessions of one page share their names, as those of one interpreter would."""
    names: dict[str, Any] = {"__name__": "__docs__"}
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF)
    report: list[str] = []
    for block in blocks:
        test = parser.get_doctest(block.text, names, page.name, str(page), block.line - 1)
        runner.run(test, out=report.append, clear_globs=False)
        names.update(test.globs)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


@pytest.mark.parametrize("page", pages_with("python", "pycon"), ids=name_of)
def test_pages_with_sessions_have_something_to_run(page: Path) -> None:
    for block in blocks_of(page):
        assert block.language != "pycon" or ">>>" in block.text, f"{page.name}:{block.line}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_flags_exist(page: Path) -> None:
    known = {"--help", "--version"}
    for about in OPTIONS.values():
        if about.flags:
            flag = SettingOption(about)
            known |= {*flag.opts, *flag.secondary_opts}
    for line in page.read_text(encoding="utf-8").splitlines():
        if re.match(r"\s*(mrq-worker|mrq-run|mrq worker|mrq run)\b|CMD \[", line):
            used = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", line))
            unknown = {flag for flag in used if flag.replace("-", "_").replace("__", "--", 1) not in known} - known
            assert not unknown, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_variables_exist(page: Path) -> None:
    for variable in set(re.findall(r"\bMRQ_([A-Z_]+[A-Z])\b", page.read_text(encoding="utf-8"))):
        assert variable.lower() in OPTIONS or variable.startswith(RESERVED), f"MRQ_{variable} in {page.name}"


def test_the_tables_hold_every_setting() -> None:
    spec = importlib.util.spec_from_file_location("settings_tables", ROOT / "docs/hooks/settings_tables.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    tables = hook.on_page_markdown((ROOT / "docs/configuration.md").read_text(encoding="utf-8"))
    for key in OPTIONS:
        assert f"| `{key}`" in tables
