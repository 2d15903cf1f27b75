"""Retry policies: how often, when, after what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.options import TaskOptions
from mrq.domain.retry import RetryPolicy, delay_before, matches

CHANCE = st.floats(0, 1)
POLICIES = st.builds(
    RetryPolicy,
    retries=st.integers(0, 50),
    first=st.floats(0, 10**5),
    backoff=st.floats(1, 100),
    longest=st.floats(0, 10**5),
    jitter=st.floats(0, 1),
)


class OwnError(ValueError):
    class Inner(Exception):
        pass


@given(POLICIES, st.integers(1, 10**6), CHANCE)
def test_no_wait_is_longer_than_the_longest_or_shorter_than_the_jitter_allows(
    policy: RetryPolicy, retry: int, chance: float
) -> None:
    full = policy.delay(retry, 0.0)
    assert 0 <= policy.delay(retry, chance) <= full <= policy.longest
    assert policy.delay(retry, chance) >= full * (1 - policy.jitter) * 0.999


@given(POLICIES, st.integers(1, 10**6))
def test_without_jitter_no_wait_is_shorter_than_the_one_before(policy: RetryPolicy, retry: int) -> None:
    assert policy.delay(retry, 0.0) <= policy.delay(retry + 1, 0.0)


@given(POLICIES, CHANCE)
def test_a_job_that_always_fails_is_tried_as_often_as_the_policy_says(policy: RetryPolicy, chance: float) -> None:
    retries = 0
    while policy.wait(ValueError("x"), retries, chance) is not None:
        retries += 1
    assert retries == policy.retries


@given(POLICIES, st.integers(0, 60), CHANCE)
def test_the_same_question_has_the_same_answer(policy: RetryPolicy, so_far: int, chance: float) -> None:
    assert policy.wait(KeyError("x"), so_far, chance) == policy.wait(KeyError("x"), so_far, chance)


def test_the_waits_of_a_policy() -> None:
    policy = RetryPolicy(5, first=2.0, backoff=3.0, longest=50.0, jitter=0.5)
    assert [policy.delay(n, 0.0) for n in (1, 2, 3, 4)] == [2.0, 6.0, 18.0, 50.0]
    assert [policy.delay(n, 1.0) for n in (1, 2, 3, 4)] == [1.0, 3.0, 9.0, 25.0]
    assert delay_before(10**6, 0.0) == 0.0


@pytest.mark.parametrize("kind", [ValueError, Exception, OwnError, "ValueError", "OwnError", f"{__name__}.OwnError"])
def test_an_exception_is_of_a_kind(kind: type[Exception] | str) -> None:
    assert matches(OwnError(), (KeyError, kind))


@pytest.mark.parametrize("kind", [KeyError, "KeyError", "other.OwnError", "own.ValueError", "Inner"])
def test_an_exception_is_not_of_another_kind(kind: type[Exception] | str) -> None:
    assert not matches(OwnError(), (kind,))


def test_only_the_stated_exceptions_are_followed_by_another_try() -> None:
    policy = RetryPolicy(3, on=(ValueError, "KeyError"))
    assert policy.covers(OwnError())
    assert policy.covers(KeyError())
    assert not policy.covers(OSError())
    assert policy.wait(OSError(), 0, 0.0) is None


def test_exceptions_can_be_left_out() -> None:
    policy = RetryPolicy(3, on=(ValueError,), never_on=(OwnError,))
    assert policy.covers(ValueError())
    assert not policy.covers(OwnError())
    assert not RetryPolicy(3, never_on=("OSError",)).covers(FileNotFoundError())


def test_what_is_no_exception_but_ends_programs_is_followed_by_none_unless_named() -> None:
    assert RetryPolicy(3).wait(SystemExit(), 0, 0.0) is None
    assert RetryPolicy(3, on=(SystemExit,)).wait(SystemExit(), 0, 0.0) is not None


def test_a_policy_is_made_of_a_tasks_options() -> None:
    options = TaskOptions().merged(
        {"retries": 4, "retry_delay": 1.0, "retry_backoff": 3, "retry_max_delay": 9, "retry_jitter": 0,
         "retry_on": OSError, "retry_not_on": ["a.B", KeyError]}
    )  # fmt: skip
    assert options.retry_policy == RetryPolicy(4, 1.0, 3, 9, 0, (OSError,), ("a.B", KeyError))
    assert TaskOptions().retry_policy == RetryPolicy()
