"""Orders, objectives and profiles as values."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.figures import Figures, Spread
from mrq.domain.objectives import ObjectiveState, complaint_about, states
from mrq.domain.orders import Verb, checked
from mrq.domain.profile import MOST_STACKS, OTHERS, Profile, bounded
from mrq.domain.status import Status

NOW = datetime(2026, 1, 5)


@pytest.mark.parametrize(
    ("verb", "given_", "found"),
    [
        ("quiet", {}, {}),
        ("resume", {}, {}),
        ("stop", {}, {"now": False}),
        ("stop", {"now": True}, {"now": True}),
        ("resize", {"greenlets": 3}, {"greenlets": 3}),
        ("profile", {}, {"seconds": 10}),
        ("profile", {"seconds": 0.5}, {"seconds": 0.5}),
    ],
)
def test_what_makes_sense_is_taken(verb: str, given_: dict[str, Any], found: dict[str, Any]) -> None:
    assert checked(verb, given_) == (Verb(verb), found)


@pytest.mark.parametrize(
    ("verb", "given_", "words"),
    [
        ("dance", {}, "say one of quiet, resume"),
        ("resize", {}, "needs greenlets"),
        ("resize", {"greenlets": 0}, "needs greenlets"),
        ("resize", {"greenlets": True}, "needs greenlets"),
        ("profile", {"seconds": 1e9}, "a number up to 300"),
        ("quiet", {"seconds": 1}, "takes no 'seconds'"),
    ],
)
def test_what_makes_none_is_refused_with_a_reason(verb: str, given_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked(verb, given_)


def figures(wait: Spread | None = None, **ended: int) -> Figures:
    counts = {Status(name): count for name, count in ended.items()}
    return Figures(NOW, 60.0, "q", None, 0, counts, wait, None)


def test_objectives_hold_fail_or_are_not_known() -> None:
    stated = {"p95_wait": 30, "failures": 0.1, "p99_run": 5}
    wait, failed, run = states("q", stated, figures(Spread(9, 1, 31, 40, 3), success=9, failed=1))
    assert (wait, wait.holds) == (ObjectiveState("q", "p95_wait", 30.0, 31.0), False)
    assert (failed.actual, failed.holds) == (0.1, True)
    assert (run.actual, run.holds) == (None, None)
    assert [each.holds for each in states("q", stated, None)] == [None] * 3


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"p95_wait": 3}, None),
        ({"p90": 3}, "choose from p50_wait"),
        ({"failures": -1}, "0 or more"),
        ({"failures": True}, "0 or more"),
    ],
)
def test_objectives_that_can_not_be_are_told(stated: dict[str, Any], words: str | None) -> None:
    complaint = complaint_about(stated)
    assert complaint is None if words is None else words in (complaint or "")


@given(st.dictionaries(st.text("ab;", min_size=1, max_size=6), st.integers(1, 50), max_size=20))
def test_a_profile_loses_no_sample(stacks: dict[str, int]) -> None:
    profile = Profile(None, None, NOW, 1.0, sum(stacks.values()), bounded(Counter(stacks)))  # type: ignore[arg-type]
    assert sum(profile.by_task().values()) == profile.samples
    lines = profile.collapsed().splitlines()
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == profile.samples


def test_a_profile_of_very_many_stacks_is_bounded() -> None:
    kept = bounded(Counter({f"t;{n}": 2 for n in range(MOST_STACKS + 10)}))
    assert len(kept) == MOST_STACKS + 1
    assert kept[OTHERS] == 20
