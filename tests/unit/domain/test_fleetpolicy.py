"""Policies: their checks, and the way to a document and back."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mrq.domain.fleetpolicy import FleetPolicy, Target, TargetKind
from mrq.domain.prices import Architecture, Prices
from mrq.exceptions import ConfigError

AIM = {"oldest_wait": 60}


def test_to_json_and_back() -> None:
    made = FleetPolicy(Target(TargetKind.SECONDS_UNTIL_EMPTY, 30), min_workers=1, max_workers=7, max_bursts=3)
    document = json.loads(json.dumps(made.as_dict()))
    assert document["target"] == {"seconds_until_empty": 30}
    assert FleetPolicy.from_dict(document) == made
    assert FleetPolicy.from_dict({"target": AIM}).max_workers == 10


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": AIM, "max_worker": 3}, "group web: unknown key 'max_worker'; did you mean 'max_workers'?"),
        ({"target": AIM, "zzz": 3}, "group web: unknown key 'zzz'; there are: jobs_per_burst,"),
        ({}, "group web: missing 1 required positional argument: 'target'"),
        ({"target": {"oldest_weit": 3}}, "group web: target: unknown key 'oldest_weit'; did you mean 'oldest_wait'?"),
        (
            {"target": {}},
            "group web: target: expected one of backlog_per_worker, seconds_until_empty, oldest_wait, got 0",
        ),
        ({"target": 5}, "group web: target: expected keys with values, got 5"),
        ({"target": {"oldest_wait": 0}}, "group web: target oldest_wait has to be a number of at least 0.001, not 0"),
        (
            {"target": AIM, "min_workers": -1},
            "group web: min_workers has to be a whole number from 0 to 10,000, not -1",
        ),
        ({"target": AIM, "min_workers": True}, "group web: min_workers has to be a whole number"),
        ({"target": AIM, "max_workers": 2.5}, "group web: max_workers has to be a whole number"),
        ({"target": AIM, "min_workers": 4, "max_workers": 3}, "group web: max_workers is 3, less than min_workers"),
        ({"target": AIM, "max_workers": 0}, "group web: max_workers and max_bursts are both 0"),
        ({"target": AIM, "jobs_per_worker": 0}, "group web: jobs_per_worker has to be"),
        ({"target": AIM, "jobs_per_burst": 0}, "group web: jobs_per_burst has to be"),
        ({"target": AIM, "utilisation": 1.1}, "group web: utilisation has to be a number from 0.05 to 1, not 1.1"),
        ({"target": AIM, "scale_in_patience": math.nan}, "group web: scale_in_patience has to be"),
        ({"target": AIM, "start_up": "60"}, "group web: start_up has to be a number of at least 0, not '60'"),
        ({"target": AIM, "max_bursts": -1}, "group web: max_bursts has to be"),
        ({"target": AIM, "longest_burst_job": 901}, "group web: longest_burst_job has to be a number from 0 to 900"),
        ({"target": AIM, "light_load": 2}, "group web: light_load has to be"),
        ({"target": AIM, "stall_after": 0}, "group web: stall_after has to be"),
        ([], "group web: expected keys with values, got []"),
    ],
)
def test_wrong_policies_are_refused_by_name(given: Any, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        FleetPolicy.from_dict(given, "group web")
    assert str(raised.value).startswith(message)


def test_a_target_has_to_be_one() -> None:
    with pytest.raises(ConfigError, match="target has to be a Target, not 60"):
        FleetPolicy(60)  # type: ignore[arg-type]


def test_prices() -> None:
    prices = Prices()
    assert prices.burst_second(2.0, Architecture.X86) == pytest.approx(2 * 0.0000166667)
    assert prices.burst_second(2.0, Architecture.ARM) == pytest.approx(2 * 0.0000133334)
    hour = {
        (architecture, spot): 3600 * prices.container_second(1.0, 2.0, architecture, spot=spot)
        for architecture in Architecture
        for spot in (False, True)
    }
    assert hour[Architecture.X86, False] == pytest.approx(0.04937)
    assert hour[Architecture.ARM, False] == pytest.approx(0.0395)
    for architecture in Architecture:
        assert hour[architecture, True] == pytest.approx(0.3 * hour[architecture, False], rel=0.01)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lambda_requests": 1}, "prices: unknown key 'lambda_requests'; did you mean 'lambda_request'?"),
        ({"lambda_request": -1}, "prices: lambda_request has to be a number of at least 0, not -1"),
        ({"date": 2026}, "prices: date has to be text, not 2026"),
    ],
)
def test_wrong_prices_are_refused_by_name(given: Any, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Prices.from_dict(given)
    assert str(raised.value) == message
