"""What is in the wheel. It is built without network, by the build backend that the locks hold."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from mrq.version import VERSION

ROOT = Path(__file__).resolve().parents[3]
SOURCES = {"mrq": ROOT / "core/mrq", "mrq_container": ROOT / "adapters/container/mrq_container",
           "mrq_lambda": ROOT / "adapters/lambda/mrq_lambda",
           "mrq_dashboard": ROOT / "dashboard/mrq_dashboard",
           "mrq_cdk": ROOT / "infra/cdk/mrq_cdk",
           "mrq/_examples/source_index": ROOT / "examples/source_index"}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    without_npm = {**os.environ, "MRQ_PAGE": "skip"}
    done = subprocess.run(command, cwd=ROOT, env=without_npm, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def text_of(wheel: zipfile.ZipFile, name: str) -> str:
    (found,) = [each for each in wheel.namelist() if each.endswith(f".dist-info/{name}")]
    return wheel.read(found).decode()


@pytest.mark.parametrize("package", SOURCES)
def test_every_file_of_a_package_is_in_it(wheel: zipfile.ZipFile, package: str) -> None:
    sources = SOURCES[package]
    files = [path for path in sources.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    expected = {f"{package}/{path.relative_to(sources)}" for path in files}
    assert expected
    assert expected <= set(wheel.namelist())


@pytest.mark.parametrize(
    "name",
    [
        "mrq/py.typed",
        "mrq_container/py.typed",
        "mrq_lambda/py.typed",
        "mrq_dashboard/py.typed",
        "mrq_cdk/py.typed",
        "mrq_cdk/prices.json",
        "mrq_cdk/_locks/lambda.lock",
        "mrq_cdk/_locks/lambda-dashboard.lock",
        "mrq/stores/lua/release.lua",
    ],
)
def test_what_is_no_python_is_in_it(wheel: zipfile.ZipFile, name: str) -> None:
    assert name in wheel.namelist()


def test_nothing_else_is_in_it(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[0] for name in wheel.namelist()} == {
        "mrq", "mrq_cdk", "mrq_container", "mrq_lambda", "mrq_dashboard", f"mrq_cloud-{VERSION}.dist-info"
    }  # fmt: skip
    assert not [name for name in wheel.namelist() if "__pycache__" in name or name.endswith(".pyc")]


def test_commands(wheel: zipfile.ZipFile) -> None:
    entries = text_of(wheel, "entry_points.txt")
    for line in ("mrq = mrq.cli.main:main\n", "mrq-run = mrq.cli.main:main_run\n", "mrq-worker = ", "mrq-dashboard = "):
        assert line in entries
    assert "[mrq.commands]" in entries


def test_metadata(wheel: zipfile.ZipFile) -> None:
    metadata = message_from_string(text_of(wheel, "METADATA"))
    assert metadata["Name"] == "mrq-cloud"
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "MIT"
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "container", "lambda", "dashboard", "cdk", "embedded", "memory", "oidc", "otel"
    }  # fmt: skip
    assert "MIT License" in text_of(wheel, "licenses/LICENSE")


def test_the_page_is_in_it_if_it_is_built(wheel: zipfile.ZipFile) -> None:
    dist = SOURCES["mrq_dashboard"] / "static/dist"
    if not (dist / "index.html").is_file():
        pytest.skip("the page is not built (make ui)")
    names = [name for name in wheel.namelist() if name.startswith("mrq_dashboard/static/dist/")]
    assert "mrq_dashboard/static/dist/index.html" in names
    assert any(name.endswith(".js") for name in names)
    assert not [name for name in wheel.namelist() if name.endswith((".tsx", ".ts", ".map"))]
