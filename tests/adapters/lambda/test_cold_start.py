"""What each handler loads before its first event: a cold start is paid for at every burst of load."""

from __future__ import annotations

import functools
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

import mrq_lambda
from support.imports import cpu_seconds, fresh

HANDLERS = Path(mrq_lambda.__file__).parent

NEVER = {"gevent", "aws_cdk", "click", "mrq_container", "moto", "mrq.telemetry", "uvicorn"}
PAGE = {"fastapi", "mangum", "mrq_dashboard"}
AWS = {"boto3", "botocore", "aws_lambda_powertools", "jmespath"}
WORK = {"cronsim", "mrq.engine.loop", "mrq.engine.scheduler"}
SERVERS = {"pymongo", "redis", "mrq.app", "mrq.stores"}

FLOOR = "pass"
DRIVERS = "import pymongo, redis"


@dataclass(frozen=True, slots=True)
class Budget:
    """Of a handler. `never`: what it may not load beside NEVER. `least`: code that loads what it can't do without.
    `times`: of the processor time of that, how much it may take."""

    never: set[str]
    least: str
    times: float


BUDGETS = {
    "burst": Budget(PAGE | AWS | {"cronsim", "mrq.engine.scheduler"}, DRIVERS, 2.5),
    "scheduler": Budget(PAGE | AWS | {"mrq.engine.loop"}, DRIVERS, 2.5),
    "events": Budget(PAGE | WORK, DRIVERS, 4.0),
    "dispatcher": Budget(PAGE | WORK, DRIVERS, 4.0),
    "dashboard": Budget(AWS | {"mrq.engine.loop", "mrq.engine.scheduler"}, f"{DRIVERS}, fastapi, mangum", 2.5),
    "rotation": Budget(PAGE | WORK | SERVERS | {"aws_lambda_powertools"}, "import boto3", 1.5),
}


@functools.cache
def loaded_by(handler: str) -> set[str]:
    return set(json.loads(fresh(f"import mrq_lambda.{handler}, sys, json; print(json.dumps(list(sys.modules)))")))


@pytest.mark.parametrize("handler", BUDGETS)
def test_a_handler_loads_only_what_it_needs(handler: str) -> None:
    loaded, forbidden = loaded_by(handler), NEVER | BUDGETS[handler].never
    assert f"mrq_lambda.{handler}" in loaded
    assert not {name for name in loaded if name in forbidden or name.partition(".")[0] in forbidden}


@pytest.mark.parametrize("handler", sorted(BUDGETS.keys() - {"rotation"}))
def test_drivers_are_loaded_before_the_first_event(handler: str) -> None:
    """At the start a sandbox has the most CPU, and the time isn't taken from the deadline."""
    assert {"pymongo.collection", "redis.client", "mrq.stores.mongo_jobs"} <= loaded_by(handler)


@pytest.mark.timeout(600)
def test_a_cold_start_costs_little_more_than_what_it_cannot_do_without() -> None:
    """In processor time, compared with that alone in the same run: machines and loads differ."""
    codes = {FLOOR, *(budget.least for budget in BUDGETS.values()), *(f"import mrq_lambda.{each}" for each in BUDGETS)}
    for code in codes:
        fresh(code)  # the caches are warm from here on
    rounds = [{code: cpu_seconds(code) for code in codes} for _ in range(3)]
    cost = {code: statistics.median(each[code] - each[FLOOR] for each in rounds) for code in codes}
    for handler, budget in BUDGETS.items():
        whole, least = cost[f"import mrq_lambda.{handler}"], cost[budget.least]
        assert whole < budget.times * least, f"{handler}: {whole:.2f} s, what it can't do without {least:.2f} s"


def test_every_handler_has_a_budget() -> None:
    """A new one gets one."""
    assert {path.stem for path in HANDLERS.glob("*.py") if "\ndef handler(" in path.read_text()} == BUDGETS.keys()
