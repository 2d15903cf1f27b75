"""Outages in the log: their beginning, a reminder now and then, their end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from mrq.domain.words import many
from mrq.engine import outage
from mrq.engine.backoff import Backoff
from mrq.engine.outage import Outage

if TYPE_CHECKING:
    from unit.engine.kit import ManualClock

AWAY = ConnectionError("away")


@pytest.fixture
def out(clock: ManualClock) -> Outage:
    return Outage(logging.getLogger("mrq.worker"), clock)


def test_an_outage_is_told_when_it_begins_and_ends(
    out: Outage, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    backoff, began = Backoff(), clock.monotonic()
    while clock.monotonic() - began < 16:
        out.failed("no wake-ups", AWAY)
        clock.pass_by(backoff.failed())
    assert out.over("Redis is back")
    first, last = caplog.messages
    assert first == "no wake-ups: away"
    assert last.startswith("Redis is back, after 1")


def test_a_long_one_is_told_again_every_half_a_minute(
    out: Outage, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(65):
        out.failed("no wake-ups", AWAY)
        clock.pass_by(1)
    assert caplog.messages == ["no wake-ups: away", *(f"no wake-ups, for {n} s now: away" for n in (30, 60))]
    assert outage.REMINDER == 30


def test_where_nothing_failed_nothing_is_over(out: Outage, caplog: pytest.LogCaptureFixture) -> None:
    assert not out.over("Redis is back")
    assert caplog.messages == []


def test_the_next_one_is_another(out: Outage, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        out.failed("no wake-ups", AWAY)
        out.over("Redis is back")
    assert len(caplog.messages) == 4


def test_one_job_is_no_jobs() -> None:
    assert [many(n, "job") for n in (0, 1, 2, 12000)] == ["0 jobs", "1 job", "2 jobs", "12,000 jobs"]
