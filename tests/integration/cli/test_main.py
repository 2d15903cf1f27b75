"""`mrq` itself: subcommands, suggestions, and the way to other packages."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from mrq.cli import main as main_module
from mrq.cli.main import COMMANDS, main_worker

if TYPE_CHECKING:
    from cli.conftest import Mrq

HERE = f"{__name__}:take"
taken: list[list[str]] = []


def take(arguments: list[str]) -> int:
    """Stands for the function of another package."""
    taken.append(arguments)
    return 7


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """The entry points that seem to be there; none at first."""
    entries: list[EntryPoint] = []
    monkeypatch.setattr(main_module, "entry_points", lambda group: entries if group == "mrq.commands" else [])
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or importlib.import_module(__name__))
    taken.clear()
    return entries


def test_help_names_every_subcommand(mrq: Mrq) -> None:
    code, out, _ = mrq("--help")
    assert code == 0
    for name, about in COMMANDS.items():
        assert name in out
        assert about.text in " ".join(out.split())  # lines are broken where the names leave room
    assert mrq("-h")[1] == out


def test_help_of_each(mrq: Mrq) -> None:
    for name in COMMANDS.keys() - {"worker"}:  # a worker patches its process
        code, out, _ = mrq(name, "--help")
        assert code == 0
        assert "Usage:" in out


def test_mistyped_subcommands_get_a_suggestion(mrq: Mrq) -> None:
    code, _, err = mrq("dotcor", "--fix")
    assert code == 2
    assert "There is no subcommand 'dotcor'. Did you mean 'doctor'?" in err
    assert f"There are: {', '.join(sorted(COMMANDS))}." in mrq("xyz")[2]


def test_a_worker_gets_its_arguments_as_they_are(mrq: Mrq, installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("worker", HERE, "mrq.commands"))
    words = ["high", "low", "-g", "10", "--max_jobs=3", "--max-time", "4", "--help", "--", "x"]
    assert mrq("worker", *words)[0] == 7
    with pytest.raises(SystemExit) as ended:
        main_worker(words)
    assert ended.value.code == 7
    assert taken == [words, words]


@pytest.mark.usefixtures("installed")
def test_without_the_workers_package_it_says_what_to_install(mrq: Mrq) -> None:
    code, _, err = mrq("worker")
    assert code == 2
    assert "pip install 'mrq-cloud[container]'" in err


def test_other_packages_may_add_subcommands(mrq: Mrq, installed: list[EntryPoint]) -> None:
    installed.append(EntryPoint("agent", HERE, "mrq.commands"))
    assert "agent" in mrq("--help")[1]
    assert mrq("agent", "--flag")[0] == 7
    assert taken == [["--flag"]]


def test_a_missing_extra_is_named(mrq: Mrq, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("mrq.cli.demo")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    code, _, err = mrq("demo")
    assert code == 2
    assert "pip install 'mrq-cloud[embedded]'" in " ".join(err.split())


def test_up_to_the_hand_over_nothing_is_imported_that_gevent_has_to_patch() -> None:
    code = (
        "import json, sys; from mrq.cli import main\n"
        "main.entry_points = lambda group: []\n"
        "code = main.call(main.cli, ['worker'], 'mrq')\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))))\n"
        "print(json.dumps(sorted(name for name in sys.modules if name.startswith('mrq.'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    packages: list[str]
    ours: list[str]
    packages, ours = (json.loads(line) for line in done.stdout.splitlines())
    assert ours == ["mrq.cli", "mrq.cli.main", "mrq.exceptions"]
    assert not {"pymongo", "bson", "redis", "gevent", "rich"} & set(packages)


def test_versions(mrq: Mrq) -> None:
    code, out, _ = mrq("--version")
    assert code == 0
    assert out.startswith("MRQ v")


def test_underscores_and_hyphens(mrq: Mrq, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    doctor = importlib.import_module("mrq.cli.doctor")
    monkeypatch.setattr(doctor, "load", lambda _command, given: seen.append(given) or sys.exit(0))
    for spelling in ("--server-timeout", "--server_timeout"):
        with pytest.raises(SystemExit):
            mrq("doctor", spelling, "2")
    assert seen == [{"server_timeout": 2.0}, {"server_timeout": 2.0}]
