"""The files for Compose and the workflows name what is there: targets, services, flags, settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mrq.settings import Settings
from mrq_container.start import run_with_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = sorted(path.name for path in ROOT.glob("docker-compose*.yml"))
WORKFLOWS = sorted(path.name for path in (ROOT / ".github" / "workflows").glob("*.yml"))
STAGES = set(re.findall(r"^FROM \S+ AS (\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def services(file: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / file).read_text())["services"]
    return found


def every_run(workflow: str) -> Iterator[str]:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / workflow).read_text())["jobs"]
    for job in jobs.values():
        yield from (step["run"] for step in job["steps"] if "run" in step)


def test_the_files_are_there() -> None:
    assert COMPOSE == ["docker-compose.production.yml", "docker-compose.yml"]
    assert "ci.yml" in WORKFLOWS
    assert set(services("docker-compose.yml")) >= {"mongo", "valkey", "moto", "worker", "scheduler", "dashboard"}


@pytest.mark.parametrize("file", COMPOSE)
def test_images_are_built_from_stages_of_the_dockerfile(file: str) -> None:
    targets = {service["build"]["target"] for service in services(file).values() if "build" in service}
    assert targets
    assert targets <= STAGES


@pytest.mark.parametrize("file", COMPOSE)
def test_workers_are_started_with_flags_that_are_known(file: str) -> None:
    started = [each["command"] for each in services(file).values() if each.get("build", {}).get("target") == "worker"]
    assert len(started) == 2
    for words in started:
        assert run_with_settings(words, lambda loaded: 77) == 77


@pytest.mark.parametrize("file", COMPOSE)
def test_variables_are_settings(file: str) -> None:
    known = {f"MRQ_{name.upper()}" for name in Settings().as_dict()}
    for service in services(file).values():
        names = {name for name in service.get("environment", {}) if not name.startswith("MRQ_TEST_")}
        assert names <= known


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_workflows_run_targets_of_make_and_services_of_compose(workflow: str) -> None:
    runs = list(every_run(workflow))
    assert any(run.startswith("make ") for run in runs)
    for run in runs:
        words = run.split()
        if words[0] == "make":
            assert words[1] in TARGETS
        elif words[:2] == ["docker", "compose"]:
            file = words[words.index("--file") + 1] if "--file" in words else "docker-compose.yml"
            named = {word for word in words[3:] if re.fullmatch(r"[a-z]+", word)} - {"up", "mrq", "doctor"}
            assert named <= set(services(file))


def test_all_tests_are_run_with_the_history_in_which_the_version_before_is_found() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    (steps,) = [job["steps"] for job in jobs.values() if {"run": "make test"} in job["steps"]]
    (checkout,) = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["fetch-depth"] == 0
