"""What each handler loads before its first event: a cold start is paid for at every burst of load."""

from __future__ import annotations

import json
import statistics

import pytest

from support.imports import cpu_seconds, fresh

NEVER = {
    "gevent",
    "fastapi",
    "mangum",
    "aws_cdk",
    "click",
    "mrq_container",
    "moto",
    "mrq_dashboard",
    "mrq.telemetry",
}
HANDLERS = {
    # handler: what it may not load beside those
    "mrq_lambda.burst": {"boto3", "botocore", "aws_lambda_powertools", "jmespath", "cronsim", "mrq.engine.scheduler"},
    "mrq_lambda.scheduler": {"boto3", "botocore", "aws_lambda_powertools", "jmespath", "mrq.engine.loop"},
    "mrq_lambda.events": {"cronsim", "mrq.engine.loop", "mrq.engine.scheduler"},
    "mrq_lambda.dispatcher": {"cronsim", "mrq.engine.loop", "mrq.engine.scheduler"},
}
YARDSTICK = "import pymongo, redis"  # both drivers: what every handler needs
FLOOR = "pass"
LIMITS = {"burst": 2.5, "scheduler": 2.5, "events": 4.0, "dispatcher": 4.0}


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_loads_only_what_it_needs(handler: str) -> None:
    loaded = set(json.loads(fresh(f"import {handler}, sys, json; print(json.dumps(list(sys.modules)))")))
    forbidden = NEVER | HANDLERS[handler]
    assert handler in loaded
    assert not {name for name in loaded if name in forbidden or name.partition(".")[0] in forbidden}


@pytest.mark.parametrize("handler", HANDLERS)
def test_drivers_are_loaded_before_the_first_event(handler: str) -> None:
    """At the start a sandbox has the most CPU, and the time isn't taken from the deadline."""
    loaded = json.loads(fresh(f"import {handler}, sys, json; print(json.dumps(list(sys.modules)))"))
    assert {"pymongo.collection", "redis.client", "mrq.stores.mongo_jobs"} <= set(loaded)


@pytest.mark.timeout(300)
def test_a_cold_start_costs_little_more_than_the_drivers() -> None:
    """In processor time, compared with the drivers alone in the same run: machines and loads differ."""
    codes = [YARDSTICK, FLOOR, *(f"import mrq_lambda.{handler}" for handler in LIMITS)]
    for code in codes:
        fresh(code)  # the caches are warm from here on
    rounds = [[cpu_seconds(code) for code in codes] for _ in range(3)]
    drivers, floor, *handlers = (statistics.median(each) for each in zip(*rounds, strict=True))
    for (handler, times), cost in zip(LIMITS.items(), handlers, strict=True):
        assert cost - floor < times * (drivers - floor), f"{handler}: {cost:.2f} s, drivers {drivers:.2f} s"
