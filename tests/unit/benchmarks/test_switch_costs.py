"""What the table of switches says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.switch_costs import BEGIN, END, PAGE, SWITCHES, cost, publish, table
from mrq.settings import OPTIONS

if TYPE_CHECKING:
    from pathlib import Path


def test_a_switch_costs_what_a_job_takes_more_than_in_the_same_round() -> None:
    one = cost("--x", off=[2.0, 4.0, 2.0], on=[3.0, 4.5, 2.6], jobs=1000)
    assert (one.micros, one.lowest, one.highest) == (pytest.approx(600), pytest.approx(500), pytest.approx(1000))
    assert one.part == pytest.approx(0.3)
    assert table([one]).splitlines()[-1] == "| `--x` | +600.0 | +500.0, +1000.0 | +30% |"


def test_the_documentation_has_a_place_for_it(tmp_path: Path) -> None:
    text = PAGE.read_text()
    assert BEGIN in text
    assert END in text
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    publish("new", page)
    assert page.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no place"):
        publish("new", page)


def test_every_switch_is_one() -> None:
    known = {flag for option in OPTIONS.values() for flag in option.flags} | {"--no_stats"}
    for flags in SWITCHES.values():
        assert {flag for flag in flags if flag.startswith("--")} <= known
