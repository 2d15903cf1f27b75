"""What the guard decides, from what it sees."""

from __future__ import annotations

import pytest

from mrq_container.board import NO_DEADLINE, Entry, Header
from mrq_container.verdict import (
    HUB_STUCK,
    IDLE_STUCK,
    KILL_AFTER,
    LAST_RESORT,
    NUDGE_AFTER,
    Act,
    View,
    verdict,
)

NOW = 1000.0


def header(**changes: object) -> Header:
    well = Header(
        identity=b"w" * 12,
        ready=True,
        finishing=False,
        replace=False,
        exit_code=0,
        alive=NOW,
        beat=NOW,
        signalled=0.0,
        interval=3.0,
        slots=1,
    )
    return well._replace(**changes)


def acts(
    head: Header, *deadlines: float, stopped: bool = False, told: float = NO_DEADLINE, runs_since: float = 0.0
) -> list[Act]:
    entries = [Entry(bytes([i]) * 12, b"t" * 12, deadline) for i, deadline in enumerate(deadlines)]
    return verdict(View(head, entries, stopped, NOW, told, runs_since))


def test_a_worker_that_does_well_is_left_alone() -> None:
    assert acts(header(), NOW + 10) == [Act.STAND_BACK]


def test_a_worker_that_is_not_registered_yet_is_left_alone() -> None:
    assert acts(header(ready=False, beat=0.0, alive=0.0)) == [Act.STAND_BACK]


def test_a_worker_that_ends_on_purpose_is_left_alone() -> None:
    assert acts(header(finishing=True, beat=0.0, alive=0.0), NOW - 100) == [Act.STAND_BACK]


def test_a_late_heartbeat_is_written_by_the_guard() -> None:
    late = header(beat=NOW - 1.6 * 3.0, alive=NOW - 5)
    assert acts(late, NOW + 100) == [Act.STAND_IN]


def test_a_suspended_worker_gets_no_heartbeat() -> None:
    assert acts(header(beat=NOW - 100, alive=NOW - 100), NOW - 50, stopped=True) == [Act.STAND_BACK]


def test_a_job_that_burns_cpu_within_its_time_is_not_disturbed() -> None:
    stuck = header(alive=NOW - 600, beat=NOW - 600)
    assert acts(stuck, NOW + 1, NO_DEADLINE) == [Act.STAND_IN]


def test_a_job_past_its_time_in_a_worker_that_does_not_yield_is_nudged_first() -> None:
    stuck = header(alive=NOW - HUB_STUCK - 1, beat=NOW)
    assert acts(stuck, NOW - NUDGE_AFTER - 0.1) == [Act.STAND_BACK, Act.NUDGE]


def test_a_worker_that_does_not_feel_the_nudges_is_killed() -> None:
    stuck = header(alive=NOW - 60, beat=NOW)
    assert Act.KILL in acts(stuck, NOW - KILL_AFTER - 0.1)


def test_a_worker_that_feels_them_in_code_within_its_time_is_not_killed() -> None:
    busy = header(alive=NOW - 60, beat=NOW, signalled=NOW - 1)
    assert acts(busy, NOW - KILL_AFTER - 10) == [Act.STAND_BACK, Act.NUDGE]


def test_a_worker_whose_loops_turn_ends_its_jobs_itself() -> None:
    assert acts(header(), NOW - LAST_RESORT + 1) == [Act.STAND_BACK]


def test_unless_it_does_not_for_a_very_long_time() -> None:
    assert acts(header(), NOW - LAST_RESORT - 1) == [Act.STAND_BACK, Act.KILL]


@pytest.mark.parametrize(("silent", "expected"), [(IDLE_STUCK - 1, []), (IDLE_STUCK + 1, [Act.KILL])])
def test_a_worker_that_hangs_without_any_job_is_killed_in_the_end(silent: float, expected: list[Act]) -> None:
    assert acts(header(alive=NOW - silent)) == [Act.STAND_BACK, *expected]


@pytest.mark.parametrize("deadlines", [(), (NOW - 500,)])
def test_a_worker_that_was_suspended_for_long_may_turn_first(deadlines: tuple[float, ...]) -> None:
    long_ago = header(alive=NOW - 600, beat=NOW)
    assert Act.KILL in acts(long_ago, *deadlines)
    assert acts(long_ago, *deadlines, runs_since=NOW - 0.5) == [Act.STAND_BACK]
    assert Act.KILL not in acts(long_ago, NOW + 100, told=NOW - 500, runs_since=NOW - 0.5)
    assert acts(header(), NOW - 500, runs_since=NOW - 0.5) == [Act.STAND_BACK], "nor one that has just turned"
    assert Act.KILL in acts(long_ago, NOW - 500, runs_since=NOW - KILL_AFTER - 0.1), "but not for ever"
