"""Durations and times of `mrq stats`."""

from __future__ import annotations

from datetime import timedelta

import click
import pytest

from mrq.cli.stats import TimeSpan, in_short


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0001, "0.1 ms"), (0.00123, "1.2 ms"), (0.099, "99 ms"), (0.0999, "100 ms"), (0.456, "456 ms"),
        (1.0, "1.0 s"), (90.04, "90.0 s"), (150, "2.5 min"), (7200, "2.0 h"), (3 * 86400, "3.0 d"),
    ],
)  # fmt: skip
def test_durations_are_short(seconds: float, text: str) -> None:
    assert in_short(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("24h", 86400), ("7d", 604800), (" 1h ", 3600)]
)
def test_lengths_of_time_are_read(text: str, seconds: float) -> None:
    assert TimeSpan().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "0h", "1w", "1.5h", "731d", "999999999d", "٣h x"])
def test_other_words_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 90m"):
        TimeSpan().convert(text, None, None)
