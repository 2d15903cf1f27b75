"""LogPlace: texts from outside."""

from __future__ import annotations

import pytest

from mrq.domain.logplaces import MOST_RUNS, LogPlace


def test_a_place_is_read_back_from_its_text() -> None:
    place = LogPlace.read("5~a.1~b.2~c.", str)
    assert place is not None
    assert sorted(place.ends.values()) == ["a", "b", "c"]
    assert LogPlace.read(place.text(), str) == place


@pytest.mark.parametrize(
    "text", ["", "a", "1~a", "9" * 20 + "~", "9" * 5_000 + "~", "~a." + "9" * 20, "~" + "a" * 101 + ".1", "x~a.1"]
)
def test_what_is_no_place_is_none(text: str) -> None:
    assert LogPlace.read(text, str) is None


def test_a_place_of_more_runs_than_are_kept_is_none() -> None:
    assert LogPlace.read("~".join(["", *(f"a.{run}" for run in range(MOST_RUNS + 1))]), str) is not None
    assert LogPlace.read("~".join(["", *(f"a.{run}" for run in range(MOST_RUNS + 2))]), str) is None
