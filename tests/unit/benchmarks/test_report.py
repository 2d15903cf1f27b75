"""What is said of canned figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from benchmarks import guard, report
from benchmarks.contenders import CONTENDERS, OURS
from benchmarks.environments import requirements_of
from benchmarks.results import CASES, TARGETS, Results, judge

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {
    "drain": {OURS: [9000.0, 9500.0, 8000.0], "MRQ 0.9": [900.0], "celery, prefork": [1000.0], "rq, fork": [90.0]},
    "drain, no results": {"dramatiq, gevent": [7000.0]},
    "floors": {"batched floor": [10_000.0], "insert_many floor": [50_000.0]},
    "enqueue one by one": {
        OURS: [2000.0],
        "MRQ 0.9": [1900.0],
        "procrastinate": [1000.0],
        "huey, threads": [9000.0],
    },
    "idle pickup p50": {OURS: [3.0], "BLPOP floor": [1.5], "arq": [9.0]},
    "idle pickup p99": {OURS: [9.0], "BLPOP floor": [2.0], "arq": [12.0]},
}


def results(**changed: dict[str, list[float]]) -> Results:
    about = {"date": "2030-01-01", "machine": "2 cores", "jobs": 20_000, "limit": 12.0, "mongodb": "one server"}
    return Results(about=about, figures={**GOOD, **changed})


def verdict(of: Results, begin: str) -> tuple[float | None, str, bool]:
    (found,) = [each for each in judge(of) if each.target.text.startswith(begin)]
    return found.value, found.rival, found.missed


def test_ours_is_compared_with_the_best_of_a_library() -> None:
    both = results(drain={**GOOD["drain"], "celery, gevent": [1500.0]})
    assert verdict(both, "Drain: 8 x Celery") == (6.0, "celery, gevent", True)
    assert verdict(results(), "Drain: 8 x Celery") == (9.0, "celery, prefork", False)


def test_every_peer_means_also_those_that_store_no_result_and_no_floor() -> None:
    assert verdict(results(), "Drain: ahead of every peer") == (9000 / 7000, "dramatiq, gevent", False)
    # a floor is faster than all, and is no peer
    assert verdict(results(), "Pickup p99") == (0.75, "arq", False)


def test_less_is_better_where_it_is_time() -> None:
    assert verdict(results(), "Pickup p50") == (2.0, "BLPOP floor", False)
    slow = results(**{"idle pickup p50": {OURS: [6.0], "BLPOP floor": [1.5]}})
    assert verdict(slow, "Pickup p50") == (4.0, "BLPOP floor", True)


def test_only_peers_that_write_durably_count_for_enqueueing_one_by_one() -> None:
    assert verdict(results(), "Enqueue one by one: MRQ 0.9") == (2000 / 1900, "MRQ 0.9", False)
    assert verdict(results(), "Enqueue one by one: ahead") == (2.0, "procrastinate", False)


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert verdict(results(), "I/O-bound") == (None, "", False)
    assert report.missed(results()) == 0
    assert "| I/O-bound: within 5 % of the ideal | not measured | ≤ 1.05 |  |  |" in report.markdown(results())


def test_a_missed_target_is_said_plainly() -> None:
    slow = results(drain={**GOOD["drain"], OURS: [4000.0]})
    text = report.markdown(slow)
    assert report.missed(slow) == 4
    assert "| Drain: 8 x Celery's best pool | 4 | ≥ 8 | celery, prefork | **missed** |" in text


def test_each_case_shows_medians_and_spread_the_best_first() -> None:
    lines = report.markdown(results()).splitlines()
    table = lines[lines.index("### Drain, results stored, one process") :]
    assert table[4] == "| **MRQ cloud** | 9,000 | 8,000 | 9,500 | 3 |"
    assert table[5].startswith("| celery, prefork | 1,000 |")
    pickup = lines[lines.index("### Pickup by an idle worker, p50") :]
    assert pickup[4].startswith("| BLPOP floor |")  # less is better there


def test_a_run_on_a_busy_machine_is_called_provisional() -> None:
    assert "Provisional" not in report.markdown(results())
    busy = results()
    busy.about["busy"] = 45.0
    assert "Other programs used 45 % of the machine" in report.markdown(busy)


def test_what_was_left_out_or_failed_is_named() -> None:
    some = results()
    some.left_out["ardiq"] = "PyPI has no such distribution"
    some.failed.append("streaq, drain: no job was run")
    text = report.markdown(some)
    assert "- ardiq: PyPI has no such distribution" in text
    assert "- streaq, drain: no job was run" in text


def test_figures_go_between_the_marks_of_the_page_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Before\n\n{report.BEGIN}\nold\n{report.END}\n\nAfter\n")
    report.publish(page, results(), ["images/performance-drain.svg"])
    text = page.read_text()
    assert text.startswith("Before\n")
    assert text.endswith("\n\nAfter\n")
    assert "old" not in text
    assert "![Performance drain](images/performance-drain.svg)" in text


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text\n")
    with pytest.raises(ValueError, match="lacks the lines"):
        report.publish(page, results(), [])
    assert page.read_text() == "Text\n"


def test_the_guard_falls_for_what_is_beyond_the_tolerance_only() -> None:
    committed = {"drain / batched floor": 0.5, "raw fast / raw fast floor": 0.1}
    here = {"drain / batched floor": 0.5 * (1 - guard.TOLERANCE) + 0.01, "raw fast / raw fast floor": 0.01}
    lines, fallen = guard.compare(here, committed)
    assert fallen == ["raw fast / raw fast floor"]
    assert lines[2].endswith("FALLEN")
    assert "FALLEN" not in lines[1]


def test_a_ratio_that_was_never_committed_does_not_fall() -> None:
    assert guard.compare({"new": 0.1}, {})[1] == []


def test_every_contender_has_pinned_requirements_and_every_target_a_case() -> None:
    for contender in CONTENDERS:
        if contender.name == OURS:
            continue
        lines = requirements_of(contender.peer).read_text().splitlines()
        assert lines
        assert all("==" in line for line in lines), contender.peer
    for target in TARGETS:
        assert {target.case, *(case for case, _ in target.against)} <= set(CASES)
        assert math.isfinite(target.limit)
