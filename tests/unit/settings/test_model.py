"""The definitions, and what importing them costs."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mrq
from mrq.settings import OPTIONS, Settings, load
from mrq.version import VERSION


def test_settings_are_frozen_and_have_slots():
    settings = Settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.greenlets = 3  # type: ignore[misc]
    assert not hasattr(settings, "__dict__")
    assert dataclasses.replace(settings, greenlets=3).greenlets == 3


def test_mutable_defaults_are_not_shared():
    Settings().tasks["x"] = {}
    load(environ={}).settings.queues.append("x")
    assert Settings().tasks == {}
    assert Settings().queues == ["default"]
    assert load(environ={}).settings.queues == ["default"]
    assert OPTIONS["queues"].default == ["default"]


def test_defaults_are_valid_and_need_no_warning():
    assert Settings.from_dict(Settings().as_dict()) == Settings()
    for command in ("client", "worker", "run", "agent", "dashboard"):
        assert load(command, environ={}).warnings == []


def test_every_option_is_explained():
    for about in OPTIONS.values():
        assert about.text
        assert not about.text.endswith(".")
        assert about.kind != "float" or about.unit


def test_the_dict_has_what_mrq_0_9_put_into_it():
    config = Settings().as_dict()
    for key in ("tasks", "raw_queues", "queues_config", "scheduler_tasks", "log_handlers"):
        assert not config[key]
    assert config["mongodb_logs"] == "1"
    assert config["max_latency"] == 1.0


def test_version_is_the_distributions():
    project = Path(mrq.__file__).parents[2] / "pyproject.toml"
    assert tomllib.loads(project.read_text())["project"]["version"] == VERSION


def test_import_is_light():
    code = "import sys, mrq.config; print(*sys.modules)"
    path = str(Path(mrq.__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    loaded = {re.split(r"\.", name)[0] for name in run.stdout.split()}
    assert "mrq" in loaded
    assert not loaded & {
        "click",
        "pymongo",
        "bson",
        "redis",
        "gevent",
        "boto3",
        "pydantic",
        "argparse",
        "asyncio",
        "logging",
    }
