"""The table of moves, pair by pair."""

from __future__ import annotations

import pytest

from mrq.domain.status import FINAL, MOVES, SETTLED, Status, may_move, sources_of

Q, S = Status.QUEUED, Status.STARTED
ALLOWED = {
    Q: {Q, S, Status.CANCEL},
    S: set(Status) - {S},
    **{final: {Q, S, Status.CANCEL} for final in Status if final not in (Q, S)},
}


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("new", Status)
def test_every_pair(old: Status, new: Status) -> None:
    assert may_move(old, new) is (new in ALLOWED[old])


@pytest.mark.parametrize("new", Status)
def test_the_sources_of_a_status_are_where_it_may_be_reached_from(new: Status) -> None:
    assert sources_of(new) == {old for old in Status if new in ALLOWED[old]}


def test_the_names_are_those_of_mrq_0_9() -> None:
    assert {status.value for status in Status} == {
        "queued", "started", "success", "failed", "cancel", "abort", "interrupt", "timeout", "retry", "maxretries",
        "maxconcurrency",
    }  # fmt: skip


def test_final_is_all_that_neither_waits_nor_runs() -> None:
    assert set(Status) - FINAL == {Q, S}
    assert {Status.RETRY, Status.INTERRUPT} == FINAL - SETTLED


def test_the_table_names_every_status() -> None:
    assert set(MOVES) == set(Status)
