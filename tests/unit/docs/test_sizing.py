"""The page on sizing: its commands are run, and print what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from mrq.cli.main import call, cli
from mrq.domain.fleetpolicy import FleetPolicy

PAGE = (Path(__file__).resolve().parents[3] / "docs/sizing.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```json title=\"([^\"]+)\"\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


class Example(NamedTuple):
    """A command, and what comes after it on the page: a block of text, or a table."""

    words: list[str]
    shown: str


def examples() -> list[Example]:
    found = []
    for command, after in re.findall(r"^```bash\n(.*?)^```\n\n(.*?)(?=\n\n\S|\Z)", PAGE, re.MULTILINE | re.DOTALL):
        shown = after.removeprefix("```text\n").removesuffix("\n```").split("\n```")[0]
        found.append(Example(shlex.split(command.replace("\\\n", " ")), shown.strip()))
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda example: " ".join(example.words[:4]))
def test_commands_print_what_the_page_says(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    assert call(cli, example.words[1:], "mrq") == 0
    assert len(example.shown.splitlines()) >= 1
    assert example.shown in capsys.readouterr().out


def test_the_examples_are_all_found() -> None:
    assert len(examples()) == PAGE.count("```bash") == 6
    assert [each.words[1] for each in examples()].count("cost") == 2
    assert len(next(each for each in examples() if "--markdown" in each.words).shown.splitlines()) == 18


def test_the_table_of_keys_has_each_with_its_default() -> None:
    rows = dict(re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", PAGE, re.MULTILINE))
    shown: dict[str, str] = {}
    for keys, defaults in rows.items():
        shown |= zip(re.findall(r"`(\w+)`", keys), defaults.split(", "), strict=True)
    policy = FleetPolicy.from_dict({"target": {"oldest_wait": 1}}).as_dict()
    assert shown.pop("target") == "none"
    del policy["target"]
    assert {key: float(value.removesuffix(" s")) for key, value in shown.items()} == policy
