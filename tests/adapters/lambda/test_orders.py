"""A burst's event: what is left out, and what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from mrq.settings import Settings
from mrq_lambda.orders import BadEventError, orders_of

SETTINGS = Settings.from_dict(
    {"queues": ["high", "low"], "greenlets": 7, "dequeue_strategy": "parallel", "task_blacklist": "a.B, c.D"}
)


def test_an_empty_event_does_what_the_settings_say() -> None:
    orders = orders_of({}, SETTINGS, "request")
    assert (orders.queues, orders.concurrency, orders.strategy) == (("high", "low"), 7, "parallel")
    assert orders.task_blacklist == {"a.B", "c.D"}
    assert (orders.generation, orders.chain) == (0, "request")
    assert orders_of(None, SETTINGS, "request") == orders


def test_an_event_says_it_all() -> None:
    event = {"queues": "one two_raw", "strategy": "sequential", "concurrency": 3, "max_jobs": 10, "margin": 2,
             "task_whitelist": ["a.B"], "task_blacklist": [], "generation": 2, "max_generations": 3,
             "chain": "first", "worker_group": "g"}  # fmt: skip
    orders = orders_of(event, SETTINGS, "request")
    assert orders.queues == ("one", "two_raw")
    options = orders.options(SETTINGS)
    assert (options.queues, options.greenlets, options.max_jobs) == (("one", "two_raw"), 3, 10)
    assert (options.only, options.never) == ({"a.B"}, frozenset())
    assert options.report_config["worker_group"] == "g"
    assert options.report_config["greenlets"] == SETTINGS.greenlets, "the rest is as it was"
    assert orders_of(orders.next_event(1), SETTINGS, "request").worker_group == "g"


def test_the_next_generation_gets_what_is_left() -> None:
    orders = orders_of({"max_jobs": 10, "queues": ["q"]}, SETTINGS, "request")
    again = orders_of(orders.next_event(taken=4), SETTINGS, "another request")
    assert (again.generation, again.max_jobs, again.chain) == (1, 6, "request")
    assert (again.queues, again.concurrency, again.strategy) == (("q",), 7, "parallel")
    unlimited = orders_of({}, SETTINGS, "request").next_event(taken=4)
    assert unlimited["max_jobs"] == 0


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        ([], r"should be an object such as \{\}, not list"),
        ({"queue": "a"}, "has no key 'queue'; did you mean 'queues'"),
        ({"zzz": 1}, "has no key 'zzz'; there are queues, strategy"),
        ({"version": "0", "detail-type": "Scheduled Event"}, "a rule or schedule needs its own constant input"),
        ({"queues": []}, r"queues = \[\] should be a list of names"),
        ({"queues": [1]}, r"queues = \[1\] should be a list of names"),
        ({"queues": ["a\0"]}, "a queue's name must be text"),
        ({"strategy": "fast"}, "dequeue_strategy 'fast' is unknown"),
        ({"strategy": 3}, "strategy = 3 should be text"),
        ({"concurrency": 0}, "concurrency = 0 should be a whole number from 1 to 1000"),
        ({"concurrency": True}, "concurrency = True should be"),
        ({"max_jobs": -1}, "max_jobs = -1 should be a whole number from 0"),
        ({"margin": 0}, "margin = 0 should be a number of seconds from 1"),
        ({"margin": float("nan")}, "margin = nan should be"),
        ({"task_whitelist": 3}, "task_whitelist = 3 should be a list of task paths"),
        ({"generation": "1"}, "generation = '1' should be a whole number"),
        ({"chain": ""}, "chain = '' should be text"),
    ],
)
def test_a_bad_event_is_explained(event: Any, complaint: str) -> None:
    with pytest.raises(BadEventError, match=complaint):
        orders_of(event, SETTINGS, "request")
