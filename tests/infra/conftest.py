"""Templates of the three sizes, synthesized once for all processes of a test run. Bundling is switched off."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.templates import Resources

CDK = Path(__file__).parents[2] / "infra/cdk"
SIZES = ("dev", "standard", "large")


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A folder by its name, made once by whichever process of the test run comes first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base

    def made(name: str, make: Callable[[Path], object]) -> Path:
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = shared / f"{name}.done"
            if not done.exists():
                make(shared / name)
                done.touch()
        return shared / name

    return made


@pytest.fixture(scope="session")
def synthesized(once: Callable[[str, Callable[[Path], object]], Path]) -> Callable[[str], Path]:
    """The file of a size's template. cdk-nag has looked at it: what it finds fails the synthesis."""

    def template(size: str) -> Path:
        return once(f"cdk-{size}", lambda out: Templates.synthesize({"size": size}, out)) / "mrq.template.json"

    return template


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    """Each of them."""
    name: str = request.param
    return name


@pytest.fixture
def resources(synthesized: Callable[[str], Path], size: str) -> Resources:
    """The resources of a size."""
    return resources_of(synthesized(size))


@pytest.fixture(scope="session")
def of_size(synthesized: Callable[[str], Path]) -> Callable[[str], Resources]:
    """The resources of one size, by its name."""
    return lambda name: resources_of(synthesized(name))


def resources_of(path: Path) -> Resources:
    found: dict[str, dict[str, Any]] = json.loads(path.read_text())["Resources"]
    from support.templates import Resources

    return Resources(found)


@pytest.fixture(scope="session")
def other_config(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Resources]:
    """The resources of a size with something else in its config file."""

    def made(size: str, **config: Any) -> Resources:
        folder = tmp_path_factory.mktemp("config")
        path = folder / "mrq.json"
        path.write_text(json.dumps({"size": size, **config}))
        return resources_of(Templates.synthesize({"config": str(path)}, folder / "out"))

    return made
