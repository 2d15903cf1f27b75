"""Rates: starts that keep their distance, and counters of 0.9's kind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from mrq.embedded import EmbeddedRedis
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.ports.rates import Rates, Turn

NEAR = 0.5  # seconds: what a busy machine may take between two calls
HOUR = 3600.0


def turn(rates: Rates, interval: float = HOUR, patience: float = 0.0, *, returns: bool = False, **about: str) -> Turn:
    return rates.turn(about.get("name", "name"), about.get("ask", str(new_id())), interval, patience, returns=returns)


def test_the_first_may_start_at_once(rates: Rates) -> None:
    assert turn(rates) == (True, 0)


def test_the_others_are_told_to_return_one_after_the_other(rates: Rates) -> None:
    turn(rates)
    waits = []
    for _ in range(4):
        granted, wait = turn(rates)
        assert not granted
        waits.append(wait)
    assert waits == pytest.approx([HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR], abs=NEAR)


def test_names_have_lines_of_their_own(rates: Rates) -> None:
    turn(rates)
    assert turn(rates, name="another") == (True, 0)


def test_who_is_patient_enough_is_granted_a_start_to_come(rates: Rates) -> None:
    turn(rates, 10)
    granted, wait = turn(rates, 10, patience=15)
    assert granted
    assert wait == pytest.approx(10, abs=NEAR)
    granted, wait = turn(rates, 10, patience=15)
    assert not granted
    assert wait == pytest.approx(20, abs=NEAR)


def test_a_question_that_is_repeated_takes_no_second_turn(rates: Rates) -> None:
    assert turn(rates, ask="a")[0] == turn(rates, ask="a")[0] is True
    first = turn(rates, ask="b")
    again = turn(rates, ask="b")
    assert (first.granted, again.granted) == (False, False)
    assert first.wait == pytest.approx(again.wait, abs=NEAR)
    assert turn(rates, ask="c").wait == pytest.approx(2 * HOUR, abs=NEAR)


def test_who_returns_has_stood_in_line(rates: Rates) -> None:
    turn(rates, 3.0)
    for _ in range(3):
        assert not turn(rates, HOUR).granted
    wait_until(lambda: turn(rates, HOUR, returns=True).granted)


def test_those_who_return_at_once_start_one_after_the_other(rates: Rates) -> None:
    turn(rates, 10)
    waits = [turn(rates, 10, patience=100, returns=True).wait for _ in range(3)]
    assert waits == pytest.approx([10, 20, 30], abs=NEAR)


def test_too_many_who_return_at_once_stand_in_line_again(rates: Rates) -> None:
    turn(rates, 10)
    assert not turn(rates, 10).granted  # has the turn after 10 s
    granted, wait = turn(rates, 10, patience=5, returns=True)
    assert not granted
    assert wait == pytest.approx(20, abs=NEAR)


def test_nobody_new_starts_before_those_who_were_told_to_return(rates: Rates) -> None:
    turn(rates, 0.05)
    told = turn(rates, 0.4)
    assert not told.granted
    time_is_up = time.monotonic() + told.wait
    wait_until(lambda: time.monotonic() > time_is_up)
    granted, wait = turn(rates, 10)
    assert not granted, "the turn of the one who was told to return has come, and he is not there yet"
    assert wait < 0.4 + NEAR


def test_granted_starts_keep_their_distance(rates: Rates) -> None:
    starts: list[float] = []
    while len(starts) < 5:
        granted, wait = turn(rates, 0.5, returns=True)
        if granted:
            starts.append(time.monotonic() + wait)
    assert starts[-1] - starts[0] > 4 * 0.5 - NEAR


def test_actions_are_counted_down(rates: Rates) -> None:
    key = str(new_id())
    assert [rates.remaining(key, 3, HOUR) for _ in range(5)] == [3, 2, 1, 0, 0]
    assert rates.remaining(f"{key}'", 3, HOUR) == 3


def test_other_periods_have_other_counters(rates: Rates) -> None:
    key = str(new_id())
    assert rates.remaining(key, 1, HOUR) == 1
    assert rates.remaining(key, 1, 2 * HOUR) == 1


def test_a_new_window_starts_anew(rates: Rates) -> None:
    key = str(new_id())
    while rates.remaining(key, 1, 0.2):
        pass
    wait_until(lambda: rates.remaining(key, 1, 0.2) == 1)


def test_counters_have_the_keys_of_mrq_0_9(redis_client: Any, redis_prefix: str, monkeypatch: Any) -> None:
    from mrq.stores.redis_rates import RedisRates

    monkeypatch.setattr("mrq.stores.redis_rates.time.time", lambda: 1234567.9)
    RedisRates(redis_client, redis_prefix).remaining(redis_prefix, 5, 10)
    key = f"ratelimit:{redis_prefix}:123456"
    assert redis_client.get(key) == b"1"
    assert 10 < redis_client.ttl(key) <= 20
    redis_client.delete(key)


def test_a_line_that_nobody_stands_in_is_forgotten(redis_client: Any, redis_prefix: str) -> None:
    from mrq.stores.redis_rates import RedisRates

    rates = RedisRates(redis_client, redis_prefix)
    turn(rates, 100)
    assert 100 < redis_client.ttl(f"{redis_prefix}:rate:name") <= 161
    turn(rates, 100)
    assert 200 < redis_client.ttl(f"{redis_prefix}:rate:name") <= 261


def test_an_absent_server_is_reported() -> None:
    from mrq.stores.redis_client import connect
    from mrq.stores.redis_rates import RedisRates

    with EmbeddedRedis() as server:
        client = connect(server.url, max_connections=5, timeout=1, server_timeout=1)
        rates = RedisRates(client, "p")
        server.kill()
        with pytest.raises(StoreUnavailableError):
            turn(rates)
        with pytest.raises(StoreUnavailableError):
            rates.remaining("key", 1, 1)
        client.close()
