"""Metrics as Prometheus and CloudWatch read them."""

from __future__ import annotations

import json
import re
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.exposition import MOST_SERIES, OTHERS, Totals, emf_lines, prometheus
from mrq.domain.status import Status

ENDS = st.lists(
    st.tuples(
        st.sampled_from(["q", 'a"b', "c\\d", "e\nf"]),
        st.sampled_from(["t.A", "t.B"]),
        st.sampled_from([Status.SUCCESS, Status.FAILED]),
        st.one_of(st.none(), st.floats(0, 100)),
    ),
    max_size=30,
)
LINE = re.compile(r'(# (HELP|TYPE) .+|[a-z_]+(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\})? [0-9.e+-]+)')


def counted(ends: list[tuple[str, str, Status, float | None]]) -> Totals:
    totals = Totals()
    for end in ends:
        totals.ended(*end)
    return totals


@given(ENDS)
def test_every_line_can_be_read_and_the_counts_are_those_of_the_ends(
    ends: list[tuple[str, str, Status, float | None]],
) -> None:
    text = prometheus(counted(ends), {"mrq_worker_greenlets": ("Slots.", 3.0)}, failed_exports=2)
    assert all(LINE.fullmatch(line) for line in text.splitlines())
    counts = [int(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("mrq_runs_total{")]
    assert sum(counts) == len(ends)
    assert "mrq_failed_exports_total 2\n" in text


@given(ENDS, ENDS)
def test_a_period_has_what_came_in_it(
    before: list[tuple[str, str, Status, float | None]], after: list[tuple[str, str, Status, float | None]]
) -> None:
    totals = counted(before)
    earlier = totals.copy()
    for end in after:
        totals.ended(*end)
    period = totals.since(earlier)
    assert sum(sum(each.ended.values()) for each in period.series.values()) == len(after)
    assert sum(each.runs for each in period.series.values()) == sum(end[3] is not None for end in after)


def test_lines_of_cloudwatch_name_their_metrics_and_dimensions() -> None:
    totals = counted([("q", "t.A", Status.SUCCESS, 2.0), ("q", "t.A", Status.FAILED, 1.0)])
    runs, gauges = map(json.loads, emf_lines(totals, {"MemoryBytes": 5.0}, datetime(1970, 1, 1, 0, 0, 1), "w"))
    (about,) = runs["_aws"]["CloudWatchMetrics"]
    assert (runs["_aws"]["Timestamp"], about["Namespace"], about["Dimensions"]) == (1000, "MRQ", [["Queue", "Task"]])
    assert [metric["Name"] for metric in about["Metrics"]] == ["Runs.failed", "Runs.success", "Runs", "RunSeconds"]
    assert (runs["Queue"], runs["Task"], runs["Runs.success"], runs["RunSeconds"]) == ("q", "t.A", 1, 3.0)
    assert (gauges["MemoryBytes"], gauges["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == (5.0, [[]])


def test_the_number_of_series_is_bounded() -> None:
    totals = Totals()
    for n in range(MOST_SERIES + 10):
        totals.ended(f"q{n}", "t", Status.SUCCESS, None)
    assert len(totals.series) == MOST_SERIES + 1
    assert totals.series[OTHERS].ended == {Status.SUCCESS: 10}
