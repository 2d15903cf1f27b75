"""Names of MRQ 0.9 that another package brings, or that are not there yet."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from mrq import moved


def test_an_adapter_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moved, "entry_points", lambda **_about: ())
    worker = importlib.import_module("mrq.worker")
    with pytest.raises(ImportError, match=r"mrq\.worker\.Worker is not installed.*'mrq-cloud\[container\]'"):
        worker.Worker  # noqa: B018


def test_what_is_moved_is_found_by_its_old_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        def load(self) -> Any:
            return "the class"

    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(moved, "entry_points", lambda **about: asked.append(about) or [Entry()])
    assert importlib.import_module("mrq.worker").Worker == "the class"
    assert asked == [{"group": "mrq.moved", "name": "mrq.worker.Worker"}]


@pytest.mark.parametrize("name", ["agent.Agent", "processes.Process", "processes.ProcessPool", "supervisor.Supervisor"])
def test_what_the_container_brings_is_there(name: str) -> None:
    module, _, attribute = name.partition(".")
    face = importlib.import_module(f"mrq.{module}")
    assert getattr(face, attribute).__name__ == attribute
    with pytest.raises(AttributeError, match=rf"module 'mrq\.{module}' has no attribute 'nothing'"):
        face.nothing  # noqa: B018


@pytest.mark.parametrize("name", ["scheduler"])
def test_what_is_not_there_yet_says_so(name: str) -> None:
    with pytest.raises(ImportError, match=rf"mrq\.{name} is not in this version"):
        importlib.import_module(f"mrq.{name}")


def test_the_dashboard_is_a_package_of_its_own() -> None:
    with pytest.raises(ImportError, match="mrq_dashboard"):
        importlib.import_module("mrq.dashboard")
