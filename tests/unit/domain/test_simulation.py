"""Fleets under synthetic and recorded load: no flapping, waits as promised, limits kept, at a bearable price."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.fleetpolicy import FleetPolicy
from mrq.domain.load import Load, dead, recorded, spike, stampede, steady, wave
from mrq.domain.queuefigures import WINDOW, RunTimes
from mrq.domain.simulatedjobs import Lengths, times_of
from mrq.domain.simulation import World, simulate
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from mrq.domain.simulationresult import Result

HOURS = 6 * 60  # minutes that most tests simulate
PRICED = World(job_seconds=5, container_second=3.4e-6, burst_second=8e-6, burst_request=2e-7)
TARGET = 120  # seconds
START = 60

# Counts a minute of a shop: quiet, a campaign's mail at minute 60, a slow end, then a batch import.
RECORD = ["minute,count"]
RECORD += [f"{minute},{60 + 7 * (minute % 5)}" for minute in range(60)]
RECORD += [f"{minute},{max(60, 1500 - 12 * (minute - 60))}" for minute in range(60, 300)]
RECORD += [f"{minute},{900 if 320 <= minute < 323 else 60}" for minute in range(300, HOURS)]

# Two busy minutes, two quiet ones, and so on: what flapping is made of. The others are longer than figures look back.
GUSTS = [f"{minute},{600 if minute % 4 < 2 else 200}" for minute in range(HOURS)]
LONG_GUSTS = [f"{minute},{600 if minute % 12 < 6 else 200}" for minute in range(HOURS)]

LOADS = {
    "wave": wave(30, 600, peak=3, minutes=HOURS),
    "spike": spike(60, 6000, at=2, minutes=HOURS),
    "stampede": stampede(30, 4000, at=2, minutes=HOURS),
    "recorded": recorded(RECORD),
    "gusts": recorded(GUSTS),
}


def policy(**given: Any) -> FleetPolicy:
    return FleetPolicy.from_dict(
        {"target": {"oldest_wait": TARGET}, "max_workers": 30, "start_up": START, "scale_in_patience": 300, **given}
    )


@pytest.fixture(scope="module", params=[0, 40], ids=["containers", "bursts"])
def bursts(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module", params=LOADS, ids=str)
def day(request: pytest.FixtureRequest, bursts: int) -> Result:
    return simulate(LOADS[request.param], policy(max_bursts=bursts), PRICED)


def test_it_does_not_flap(day: Result) -> None:
    assert day.turns_an_hour <= 4
    assert day.scale_changes <= 6 * HOURS / 60


def test_it_would_flap_without_patience() -> None:
    hasty, patient = (
        simulate(recorded(LONG_GUSTS), policy(scale_in_patience=patience), PRICED) for patience in (0, 600)
    )
    assert hasty.turns_an_hour >= 9
    assert patient.turns_an_hour <= 1


def test_waits_are_as_promised_once_containers_could_start(day: Result, bursts: int) -> None:
    assert day.left == 0
    assert day.wait(100) <= TARGET + (START + PRICED.look_every if not bursts else 0)
    assert day.wait(95) <= TARGET
    over = [minute for minute, each in enumerate(day.minutes) if each.longest_wait > TARGET]
    assert len(over) <= (START + PRICED.look_every) / 60 + 1  # minutes


def test_limits_are_kept(day: Result) -> None:
    assert all(0 <= change.after <= 30 for change in day.changes)
    assert day.containers_max <= 30
    assert day.bursts_max <= day.policy.max_bursts


def test_the_price_is_bearable(day: Result, bursts: int) -> None:
    factor = PRICED.burst_second / PRICED.container_second if bursts else 2
    one = 3600 * HOURS / 60 * PRICED.container_second  # a single container for all of the time
    kept = 30 * (WINDOW + 300) * PRICED.container_second  # after a peak: while it is measured, and for patience
    assert day.ideal_cost <= day.cost <= factor * day.ideal_cost + one + kept


def test_with_low_limits_the_fleet_stays_there_and_bursts_help() -> None:
    alone = simulate(LOADS["wave"], policy(min_workers=2, max_workers=3), PRICED)
    assert {change.after for change in alone.changes} == {3}
    assert min(minute.containers for minute in alone.minutes) == 2
    assert alone.wait(95) > 600
    assert alone.left
    helped = simulate(LOADS["wave"], policy(min_workers=2, max_workers=3, max_bursts=10), PRICED)
    assert helped.wait(100) <= TARGET
    assert helped.bursts_max <= 10


def test_a_dead_queue_does_not_keep_the_fleet_large() -> None:
    load = dead(300, at=1, lasting=180, minutes=HOURS)
    for bursts in (0, 40):
        day = simulate(load, policy(max_bursts=bursts, stall_after=600), PRICED)
        containers = [minute.containers for minute in day.minutes]
        assert max(containers[60:80]) == 30  # at first nobody can know
        assert set(containers[80:239]) == {1}
        assert max(containers[240:250]) == 30  # and back at once
        assert day.left == 0
        assert day.turns_an_hour <= 2
        assert any("counts as dead" in change.reason for change in day.changes)


def test_a_trickle_needs_no_container_where_bursts_are_allowed() -> None:
    load = steady(0.2, HOURS)
    with_bursts, without = (simulate(load, policy(max_bursts=bursts), PRICED) for bursts in (5, 0))
    assert with_bursts.containers_max == 0
    assert with_bursts.wait(100) <= 12
    assert with_bursts.cost < without.cost / 5
    assert without.turns_an_hour <= 12  # at most one in and one out for each patience and start


def test_jobs_too_long_for_bursts_run_in_containers() -> None:
    day = simulate(steady(2, HOURS), policy(max_bursts=40, longest_burst_job=60), World(job_seconds=50, spread=6))
    assert day.left <= 1
    assert day.containers_max == 1
    assert day.burst_seconds > 0


# Once, run times were forgotten when no run had ended for five minutes, and a fleet that was all busy fell to nothing.
@pytest.mark.parametrize("target", [{"oldest_wait": 600}, {"backlog_per_worker": 5}], ids=str)
@pytest.mark.parametrize(("job_seconds", "rate"), [(1200, 1.0), (1500, 1.0), (1500, 4.0), (3600, 2.0)])
@pytest.mark.parametrize("spread", [1.2, 4.0])
def test_it_does_not_flap_on_long_jobs(
    target: dict[str, float], job_seconds: float, rate: float, spread: float
) -> None:
    limits = policy(target=target, max_workers=60, jobs_per_worker=4)
    day = simulate(steady(rate), limits, World(job_seconds=job_seconds, spread=spread))
    busy = rate / 60 * job_seconds / 4
    grown = day.minutes[2 * int(job_seconds) // 60 :]
    assert min(minute.containers for minute in grown) >= 0.8 * busy
    assert day.containers_max <= 1.6 * busy + 4
    assert day.scale_changes <= 70  # up to forty of them are the way up
    assert day.turns_an_hour <= 4
    assert not [change for change in day.changes if "dead" in change.reason]
    assert day.left <= 10


def test_containers_whose_long_jobs_run_on_are_no_reason_for_more() -> None:
    load = Load("one", (0.0,) * 180, at_once={30: 200})
    day = simulate(load, policy(max_workers=50, jobs_per_worker=4), World(job_seconds=3600, spread=2))
    sizes = [change.after for change in day.changes]
    top = sizes.index(max(sizes))
    assert sizes == sorted(sizes[: top + 1]) + sorted(sizes[top + 1 :], reverse=True)
    assert day.left == 0


def test_how_long_runs_took_is_told_by_those_that_ended() -> None:
    assert times_of({}) is None
    assert times_of({2.0: 1}) == RunTimes(2.0, 2.0, 2.0, 2.0)
    assert times_of({1.0: 90, 10.0: 9, 100.0: 1}) == RunTimes(2.8, 1.0, 10.0, 10.0)


def test_the_same_seed_gives_the_same_day() -> None:
    load = steady(60, 30)
    first, second, other = (simulate(load, policy(), World(seed=seed)) for seed in (1, 1, 2))
    assert (first.minutes, first.changes) == (second.minutes, second.changes)
    assert first.minutes != other.minutes


def test_what_containers_can_do_is_neither_more_nor_less() -> None:
    one = policy(min_workers=1, max_workers=1, jobs_per_worker=10)
    for seconds, load, late in ((5, 110.0, False), (5, 130.0, True), (0.2, 2800.0, False), (0.2, 3200.0, True)):
        day = simulate(steady(load, HOURS), one, World(job_seconds=seconds, spread=1))
        assert (day.left > 100) == late, (seconds, load)
    assert day.cost == 0  # without prices


def test_bursts_are_paid_by_the_second() -> None:
    load = Load("one", (0.0,) * 10, at_once={30: 5})
    day = simulate(load, policy(max_bursts=3), World(job_seconds=4, spread=1, burst_second=1.0, burst_request=100.0))
    assert (day.burst_starts, day.wait(100)) == (1, 1)
    assert day.burst_seconds == 5  # one to start, four of work
    assert day.cost == 105.0


def test_run_times_have_the_mean_that_was_asked_for() -> None:
    for mean in (0.01, 5, 300):
        times = Lengths(mean, 3, Random(1)).times
        assert times.mean == pytest.approx(mean, rel=0.03)
        assert times.p99 / times.p50 == pytest.approx(2.5, rel=0.15)  # the 97.5th of 20 kinds


def test_records() -> None:
    load = recorded(["minute,count", "0,120", "", "3,7"])
    assert load.per_minute == (120, 0, 0, 7)
    arrivals = load.arrivals(Random(1))
    assert arrivals[:60] == [2] * 60
    assert sum(arrivals[60:]) == sum(arrivals[180:]) == 7
    for lines, message in (
        (["0,1", "x,2"], "a.csv, line 2: expected `minute,count`, got 'x,2'"),
        (["0,1,2"], "a.csv, line 1: expected"),
        (["0,-1"], "a.csv, line 1: minutes go from 0 to 10079, counts from 0"),
        (["minute,count"], "a.csv: there is no line"),
    ):
        with pytest.raises(ConfigError, match=message):
            recorded(lines, "a.csv")


def test_patterns() -> None:
    assert max(wave(10, 100, peak=6).per_minute) == wave(10, 100, peak=6).per_minute[360] == 100
    assert min(wave(10, 100, peak=6).per_minute) == pytest.approx(10)
    assert spike(1, 600, at=1, lasting=10).per_minute[59:71] == (1, *[61] * 10, 1)
    assert sum(stampede(0, 600, at=1).arrivals(Random(1))) == 600
    assert [dead(1, at=1, lasting=2).is_dead(second) for second in (3599, 3600, 3719, 3720)] == [0, 1, 1, 0]
    total = sum(steady(600, 60).arrivals(Random(1))) + sum(steady(6000, 60).arrivals(Random(1)))
    assert total == pytest.approx(396_000, rel=0.01)
    with pytest.raises(ConfigError, match="at has to be a number from 0 to"):
        spike(1, 1, at=24)
    with pytest.raises(ConfigError, match="rate has to be a number of at least 10"):
        wave(10, 5)
    for make, name in ((spike, "jobs"), (stampede, "jobs")):
        with pytest.raises(ConfigError, match=f"{name} has to be a whole number of at least 0"):
            make(1, -500)
    for wrong in ("job_seconds", "container_second", "burst_second", "burst_request"):
        with pytest.raises(ConfigError, match=f"{wrong} has to be"):
            World(**{wrong: -1.0})
