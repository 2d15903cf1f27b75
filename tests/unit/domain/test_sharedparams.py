"""What members of a group share."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.sharedparams import LEAST_SHARE, SharedParam, shared_params

VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.text("ab", max_size=2), st.lists(st.integers()))
PARAMS = st.dictionaries(
    st.text("xyz", min_size=1, max_size=1), st.one_of(VALUES, st.dictionaries(st.just("k"), VALUES))
)
JOBS = st.lists(PARAMS, max_size=8)


def test_a_value_that_all_members_have_and_few_others_is_told() -> None:
    members: list[dict[str, Any]] = [{"site": "a", "n": n, "at": {"zone": 3}} for n in range(4)]
    others = [*members, *({"site": "b", "n": n, "at": {"zone": 3}} for n in range(4, 16))]
    assert shared_params(members, others) == [SharedParam("site", "a", 1.0, 0.25)]


def test_what_everybody_has_tells_nothing_unless_there_is_nobody_else() -> None:
    jobs = [{"at": {"zone": 3}}, {"at": {"zone": 3}}]
    assert shared_params(jobs, jobs) == []
    assert shared_params(jobs, []) == [SharedParam("at.zone", 3, 1.0, None)]


def test_true_is_not_one() -> None:
    assert shared_params([{"x": True}, {"x": 1}, {"x": 1.0}], []) == []


def test_one_job_shares_nothing() -> None:
    assert shared_params([{"a": 1}], []) == []


@given(JOBS, JOBS)
def test_shares_are_what_they_say(members: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    for found in shared_params(members, others):
        name, _, inner = found.name.partition(".")

        def has(params: dict[str, Any], name: str = name, inner: str = inner, wanted: Any = found.value) -> bool:
            value = params.get(name, ...)
            if inner:
                value = value.get(inner, ...) if isinstance(value, dict) else ...
            return type(value) is type(wanted) and value == wanted

        assert found.members == sum(map(has, members)) / len(members) >= LEAST_SHARE
        assert found.others == (sum(map(has, others)) / len(others) if others else None)
