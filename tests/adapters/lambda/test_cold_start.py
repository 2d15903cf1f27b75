"""What each handler loads before its first event: a cold start is paid for at every burst of load."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

import pytest

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


def fresh(code: str) -> str:
    """What a fresh interpreter prints for this."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    return done.stdout


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


def seconds(code: str) -> float:
    start = time.perf_counter()
    fresh(code)
    return time.perf_counter() - start


@pytest.mark.timeout(300)
def test_a_cold_start_costs_little_more_than_the_drivers() -> None:
    """Compared with the drivers alone in the same run: machines and loads differ."""
    codes = [YARDSTICK, FLOOR, *(f"import mrq_lambda.{handler}" for handler in LIMITS)]
    for code in codes:
        fresh(code)  # the caches are warm from here on
    rounds = [[seconds(code) for code in codes] for _ in range(3)]
    drivers, floor, *handlers = (statistics.median(each) for each in zip(*rounds, strict=True))
    for (handler, times), cost in zip(LIMITS.items(), handlers, strict=True):
        assert cost - floor < times * (drivers - floor), f"{handler}: {cost:.2f} s, drivers {drivers:.2f} s"
