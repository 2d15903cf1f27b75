"""Commands in this process, on servers of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import App, use_app
from mrq.cli.main import call, cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Mrq = Callable[..., tuple[int, str, str]]


@pytest.fixture
def closed_apps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections of every app that a command has made are closed; as a process, it would just end."""
    made: list[App] = []
    original = App.__init__

    def recorded(self: App, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(App, "__init__", recorded)
    yield
    for app in made:
        app.close()


@pytest.fixture
def mrq(
    closed_apps: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Mrq]:
    """The `mrq` command in an empty directory: takes words, returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: str) -> tuple[int, str, str]:
        code = call(cli, words, "mrq")
        out, err = capsys.readouterr()
        return code, out, err

    yield run
    use_app(None)


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, mongodb_url: str, redis_url: str, redis_prefix: str) -> None:
    """The environment says where the test's servers are."""
    monkeypatch.setenv("MRQ_MONGODB_JOBS", mongodb_url)
    monkeypatch.setenv("MRQ_REDIS", redis_url)
    monkeypatch.setenv("MRQ_REDIS_PREFIX", redis_prefix)
