"""Rates as they are written, and how far apart starts are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.rate import Rate, parse_rate
from mrq.domain.waiting import LONGEST, pause_for_permit, pause_for_server
from mrq.exceptions import ConfigError

CHANCE = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1/s", Rate(1, 1)), ("100/m", Rate(100, 60)), ("5/h", Rate(5, 3600)), ("7/d", Rate(7, 86400)),
        ("5/10s", Rate(5, 10)), (" 5 / 2 m ", Rate(5, 120)),
    ],
)  # fmt: skip
def test_rates_are_read(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "100", "100/", "/m", "0/m", "5/0s", "-1/s", "1.5/s", "100/w", "100/minute", 100, None]
)
def test_what_is_no_rate_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ConfigError, match="for example '100/m'"):
        parse_rate(text)


@given(st.integers(1, 10**6), st.sampled_from([1.0, 10.0, 60.0, 3600.0, 86400.0]))
def test_one_start_more_than_the_limit_never_fits_into_a_period(limit: int, per: float) -> None:
    rate = Rate(limit, per)
    first_to_last = rate.interval * limit  # of limit + 1 starts
    assert first_to_last - rate.spare == pytest.approx(per), "even if the first of them was late by all it may be"
    assert per < first_to_last <= 1.06 * per


@given(st.integers(0, 10**6), CHANCE)
def test_a_job_without_a_permit_asks_again_soon_but_not_at_once(refused: int, chance: float) -> None:
    assert 0.25 <= pause_for_permit(refused, chance) <= 1.5 * LONGEST
    assert pause_for_permit(refused, chance) <= pause_for_permit(refused + 1, chance)


@given(CHANCE)
def test_without_its_server_a_job_waits_for_a_few_seconds(chance: float) -> None:
    assert 2 <= pause_for_server(chance) <= 5
