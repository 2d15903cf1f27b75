"""Histograms of durations: percentiles within 5 %, and merging that doesn't depend on the order."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.histogram import LAST, LONGEST, SMALLEST, Histogram

DURATIONS = st.one_of(
    st.floats(0, 10), st.floats(0, LONGEST), st.sampled_from([0.0, SMALLEST, 0.001, 1.0, 60.0, 1.1, 1.1**20, LONGEST])
)
SHARES = st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0])


def histogram(durations: list[float]) -> Histogram:
    made = Histogram()
    for duration in durations:
        made.add(duration)
    return made


def merged(*several: Histogram) -> Histogram:
    total = Histogram()
    for each in several:
        total.merge(each)
    return total


@given(st.lists(DURATIONS, min_size=1), SHARES)
def test_a_percentile_is_the_true_one_give_or_take_5_percent(durations: list[float], share: float) -> None:
    true = sorted(durations)[max(1, ceil(share * len(durations) - 1e-9)) - 1]
    found = histogram(durations).percentile(share)
    assert found is not None
    assert found == pytest.approx(max(true, SMALLEST), rel=0.05)


@given(st.lists(DURATIONS), st.lists(DURATIONS), st.lists(DURATIONS))
def test_the_order_of_merging_makes_no_difference(one: list[float], two: list[float], three: list[float]) -> None:
    a, b, c = histogram(one), histogram(two), histogram(three)
    together = histogram(one + two + three)
    assert merged(a, merged(b, c)) == merged(merged(c, a), b) == together
    assert together.count == len(one) + len(two) + len(three)
    assert histogram(one) == a, "merging changed what was merged"


@given(st.lists(DURATIONS, min_size=1))
def test_the_mean_is_exact_but_for_microseconds(durations: list[float]) -> None:
    mean = histogram(durations).mean
    assert mean == pytest.approx(sum(durations) / len(durations), abs=SMALLEST + 1e-6, rel=1e-9)


def test_there_is_a_bound_to_the_buckets_and_to_what_is_counted() -> None:
    extremes = histogram([-5.0, 0.0, 1e-9, LONGEST * 1000, float("inf")])
    assert extremes.counts == {0: 3, LAST: 2}
    everything = histogram([SMALLEST * 1.02**n for n in range(2000)])
    assert len(everything.counts) == LAST + 1
    assert LAST < 300


def test_nothing_has_no_percentile_and_no_mean() -> None:
    assert (Histogram().percentile(0.5), Histogram().mean) == (None, None)
