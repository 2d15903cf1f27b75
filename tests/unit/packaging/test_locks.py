"""The locks: hashed, without addresses, agreeing with each other and with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mrq.version import VERSION

ROOT = Path(__file__).resolve().parents[3]
LOCKS = sorted(path.stem for path in (ROOT / "requirements").glob("*.lock"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")


def pins(lock: str) -> set[tuple[str, str]]:
    return set(PIN.findall(text_of(lock)))


def names(lock: str) -> set[str]:
    return {name for name, _ in pins(lock)}


def name_in(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found[0].lower()


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_all_locks_are_there() -> None:
    assert LOCKS == ["all", "build", "container", "demo", "dev", "lambda", "lambda-dashboard", "node"]


@pytest.mark.parametrize("lock", LOCKS)
def test_no_addresses(lock: str) -> None:
    text = text_of(lock)
    for word in ("http:", "https:", "://", "--index", "--find-links", "file:", "/tmp"):
        assert word not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", text_of(lock).strip())
    assert len(entries) == len(PIN.findall(text_of(lock)))
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("lock", LOCKS)
def test_the_smaller_ones_hold_the_versions_of_the_full_one(lock: str) -> None:
    assert pins(lock) <= pins("all")


def test_the_environment_of_the_tests_serves_the_demo() -> None:
    assert pins("demo") <= pins("dev")


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("all", ["container", "lambda", "dashboard", "cdk", "embedded", "otel"]),
        ("dev", ["cdk", "container", "dashboard", "embedded", "lambda"]),
        ("lambda", ["lambda"]),
        ("lambda-dashboard", ["dashboard", "lambda"]),
        ("demo", ["container", "embedded"]),
        ("container", ["container"]),
    ],
)
def test_each_holds_what_its_extras_ask_for(project: dict[str, Any], lock: str, extras: list[str]) -> None:
    asked = [*project["project"]["dependencies"]]
    for extra in extras:
        asked += project["project"]["optional-dependencies"][extra]
    assert {name_in(requirement) for requirement in asked} <= names(lock)


@pytest.mark.parametrize("lock", ["all", "dev", "demo", "build"])
def test_the_build_backend_is_locked(project: dict[str, Any], lock: str) -> None:
    wanted = {name_in(requirement) for requirement in project["dependency-groups"]["build"]}
    assert wanted <= names(lock)
    assert {name_in(requirement) for requirement in project["build-system"]["requires"]} <= wanted


@pytest.mark.parametrize("lock", ["demo", "container", "build", "lambda", "lambda-dashboard"])
def test_the_cdk_is_only_where_it_is_tested(lock: str) -> None:
    assert not names(lock) & {"aws-cdk-lib", "constructs"}


@pytest.mark.parametrize("lock", ["demo", "container", "build", "lambda"])
def test_the_dashboard_is_only_where_it_is_tested(lock: str) -> None:
    assert not names(lock) & {"fastapi", "mangum"}


def test_one_version(project: dict[str, Any]) -> None:
    assert project["project"]["version"] == VERSION
    assert f"[{VERSION}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
