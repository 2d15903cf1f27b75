"""Rules that hold for the source: who may import what, and where names of statuses may stand."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import mrq
from mrq.domain.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(mrq.__file__).parent
ROOT = Path(__file__).parents[2]
DRIVERS = {"pymongo", "bson", "redis", "gridfs"}
ENUMS = {"domain/agents.py", "domain/status.py", "domain/worker.py", "domain/schedule.py"}
HEADINGS = {"cli/demo_view.py", "task.py"}  # "failed" stands over a column there, "timeout" is an option
OUTER = ("adapters/container/mrq_container", "adapters/lambda/mrq_lambda", "dashboard/mrq_dashboard")
OTHER_WORDS = {  # "cancel" is what is done there, "started" when a wait began, "failed" a kind of record
    f"dashboard/mrq_dashboard/{name}" for name in ("operations.py", "presenting.py", "routes/settings.py")
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the core: its path in the package, and its tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def outer_sources() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the adapters and the dashboard: its path in the repository, and its tree."""
    for package in OUTER:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of imported modules, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def status_literals(tree: ast.Module) -> list[int]:
    """Lines on which a string is exactly a status and is used as a value of one."""
    names = {status.value for status in Status}
    found = []
    slots = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__slots__"
    }
    for node in ast.walk(tree):
        operands: list[ast.expr] = []
        if id(node) in slots:  # names of attributes
            continue
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            operands = [
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "status"
            ]
        elif isinstance(node, (ast.Set, ast.List, ast.Tuple)):
            operands = node.elts
        elif isinstance(node, ast.Assign):
            operands = [node.value]
        elif isinstance(node, ast.Call):
            operands = [*node.args, *(keyword.value for keyword in node.keywords)]
        elif isinstance(node, ast.Return) and node.value is not None:
            operands = [node.value]
        found += [
            operand.lineno for operand in operands if isinstance(operand, ast.Constant) and operand.value in names
        ]
    return sorted(found)


def test_the_names_of_statuses_stand_in_one_place() -> None:
    searched = ((name, tree) for name, tree in sources() if name not in ENUMS | HEADINGS)
    found = {name: lines for name, tree in searched if (lines := status_literals(tree))}
    searched = ((name, tree) for name, tree in outer_sources() if name not in OTHER_WORDS)
    found |= {name: lines for name, tree in searched if (lines := status_literals(tree))}
    assert found == {}


def test_the_search_for_names_of_statuses_finds_them() -> None:
    for line in ('x = {"status": "queued"}', 'd["status"] == "started"', 'f(status="failed")', 's in ("retry", "a")'):
        assert status_literals(ast.parse(line)), line
    assert not status_literals(ast.parse('"""queued"""; d = {"retry": 1}'))


def test_only_stores_and_embedded_servers_import_drivers() -> None:
    found = {
        (name, module)
        for name, tree in sources()
        if name.split("/")[0] not in ("stores", "embedded")
        for module in imported(tree)
        if module.split(".")[0] in DRIVERS
    }
    outer = list(outer_sources())
    assert {name.split("/")[0] for name, _ in outer} == {"adapters", "dashboard"}
    found |= {(name, module) for name, tree in outer for module in imported(tree) if module.split(".")[0] in DRIVERS}
    assert found == set()


def test_the_core_imports_no_adapter_and_no_cloud() -> None:
    forbidden = {"gevent", "boto3", "botocore", "fastapi", "mangum", "aws_cdk", "mrq_container", "mrq_lambda"}
    imports = {(name, module) for name, tree in sources() for module in imported(tree)}
    found = {(name, module) for name, module in imports if module.split(".")[0] in forbidden}
    assert found == set()


def module_level(tree: ast.Module) -> Iterator[str]:
    """Modules that are imported when this one is, so not under TYPE_CHECKING and not in functions."""
    queue: list[ast.stmt] = list(tree.body)
    while queue:
        node = queue.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If):
            checking = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            queue += node.orelse if checking else [*node.body, *node.orelse]
        elif isinstance(node, ast.Try):
            queue += [*node.body, *node.orelse, *node.finalbody]
        elif isinstance(node, ast.ClassDef):
            queue += node.body


def test_no_module_imports_itself_by_a_detour() -> None:
    names = {name: f"mrq.{name[:-3]}".replace("/", ".").removesuffix(".__init__") for name, _ in sources()}
    known = set(names.values())
    graph = {names[name]: {each for each in module_level(tree) if each in known} for name, tree in sources()}
    for name, imports in graph.items():
        imports.discard(name)
        imports -= {package for package in imports if name.startswith(package + ".")}  # loaded before it anyway
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"modules import one another: {' -> '.join(error.args[1])}") from None
    assert graph["mrq.task"] >= {"mrq.app", "mrq.job"}


def test_the_contracts_between_the_rings_are_kept() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(lint), "--config", "pyproject.toml", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
