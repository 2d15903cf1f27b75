"""Who is dead: never a worker whose heart beats, never anyone after an outage."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.lease import Lease, LeaseJudge
from mrq.stores.ids import new_id

NOON = datetime(2026, 1, 5, 12)
ONE, TWO = new_id(), new_id()
GAP = 9.0  # the judge's own beats may be so far apart


def judged(judge: LeaseJudge, now: float, *leases: Lease) -> set[object]:
    """A turn of the judge: it beats itself, then judges."""
    judge.own_beat(now, GAP)
    return {lease.worker for lease in judge.dead(leases, now, NOON)}


def still(beat: int = 1, worker: object = ONE) -> Lease:
    return Lease(worker, beat, 15.0)  # type: ignore[arg-type]


def test_a_beat_that_stands_still_for_a_lease_means_death() -> None:
    judge = LeaseJudge()
    turns = {now: judged(judge, now, still()) for now in (0, 3, 6, 9, 12, 14.9, 15)}
    assert turns.pop(15) == {ONE}
    assert not any(turns.values())


def test_a_beat_that_changes_starts_anew() -> None:
    judge = LeaseJudge()
    for now in (0, 5, 10):
        assert not judged(judge, now, still(1))
    for now in (14, 20, 26):
        assert not judged(judge, now, still(2))
    assert judged(judge, 29, still(2)) == {ONE}


def test_a_beat_that_fell_is_a_change_too() -> None:
    judge = LeaseJudge()
    assert not judged(judge, 0, still(5))
    assert not judged(judge, 8, still(4))
    assert not judged(judge, 16, still(4))


def test_a_worker_that_was_not_suspect_in_between_is_seen_anew() -> None:
    judge = LeaseJudge()
    judged(judge, 0, still())
    judged(judge, 8)
    assert not judged(judge, 16, still())


def test_an_outage_that_the_judge_felt_clears_everyone() -> None:
    judge = LeaseJudge()
    judged(judge, 0, still())
    judge.own_beat_failed()
    assert not judge.dead([still()], 8, NOON)
    assert not judged(judge, 16, still())
    assert not judged(judge, 24, still())
    assert judged(judge, 31, still()) == {ONE}


def test_a_judge_that_slept_itself_judges_nobody() -> None:
    judge = LeaseJudge()
    judged(judge, 0, still())
    assert not judged(judge, 100, still())
    assert not judged(judge, 108, still())
    assert judged(judge, 115, still()) == {ONE}


def test_a_judge_that_does_not_beat_condemns_nobody() -> None:
    judge = LeaseJudge()
    for now in range(0, 100, 5):
        assert judge.dead([still()], now, NOON) == []
    assert judge.dead([Lease(TWO, 1, 15.0, NOON - timedelta(hours=1))], 100, NOON) == []


def test_each_worker_has_its_own_lease() -> None:
    judge = LeaseJudge()
    judged(judge, 0, Lease(ONE, 1, 5.0), Lease(TWO, 1, 60.0))
    assert judged(judge, 5, Lease(ONE, 1, 5.0), Lease(TWO, 1, 60.0)) == {ONE}


def test_a_worker_with_a_deadline_is_judged_by_it_alone() -> None:
    judge = LeaseJudge(deadline_margin=5)
    judge.own_beat(0, GAP)
    lease = Lease(ONE, 1, 15.0, deadline=NOON)
    assert judge.dead([lease], 0, NOON + timedelta(seconds=5)) == []
    assert judge.dead([lease], 0, NOON + timedelta(seconds=5.001)) == [lease]
    for now in range(0, 200, 5):
        judge.own_beat(now, GAP)
        assert judge.dead([lease], now, NOON) == []


steps = st.lists(st.floats(0.01, 30, allow_nan=False), min_size=2, max_size=40)


@given(steps, st.integers(0, 1000))
def test_a_worker_whose_beat_keeps_changing_is_never_judged_dead(pauses: list[float], first: int) -> None:
    judge, now = LeaseJudge(), 0.0
    for turn, pause in enumerate(pauses):
        now += pause
        assert not judged(judge, now, still(first + turn))


@given(steps, st.lists(st.booleans(), min_size=40, max_size=40), st.lists(st.booleans(), min_size=40, max_size=40))
def test_death_takes_a_whole_lease_of_one_beat_seen_by_a_judge_that_beat_all_along(
    pauses: list[float], changes: list[bool], fails: list[bool]
) -> None:
    """Compared with a plain account of what was seen."""
    judge, now, beat = LeaseJudge(), 0.0, 0
    seen_since: float | None = None
    last: float | None = None
    for pause, changed, failed in zip(pauses, changes, fails, strict=False):
        now += pause
        beat += changed
        if failed:
            judge.own_beat_failed()
            seen_since = last = None
            continue
        if last is None or now - last > GAP:
            seen_since = None
        last = now
        if changed or seen_since is None:
            seen_since = now
        assert judged(judge, now, still(beat)) == ({ONE} if now - seen_since >= 15.0 else set())
