"""Tasks of ECS in which long jobs run are spared by a scale-in."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from mrq.domain.options import TaskOptions
from mrq.engine.run import Run
from mrq_container.taskprotection import MINUTES, RENEW, TaskProtection, protection_loops
from support.ecsagent import DONE, EcsAgent
from unit.engine.kit import ManualClock, claimed

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED = ("/api/task/task-protection/v1/state", {"ProtectionEnabled": True, "ExpiresInMinutes": MINUTES})


@pytest.fixture
def agent() -> Iterator[EcsAgent]:
    with EcsAgent() as entered:
        yield entered


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def running(since: float | None) -> Run:
    run = Run(claimed(), TaskOptions())
    if since is not None:
        run.begin(since)
    return run


def test_only_a_long_job_asks_for_protection(agent: EcsAgent, clock: ManualClock) -> None:
    runs = [running(clock.monotonic()), running(None)]
    protection = TaskProtection(agent.uri, lambda: runs, 30.0, clock)
    clock.pass_by(29)
    protection.look()
    assert agent.asked == []
    clock.pass_by(1)
    protection.look()
    assert agent.asked == [ASKED]


def test_it_is_renewed_while_it_is_needed_and_ends_by_itself(agent: EcsAgent, clock: ManualClock) -> None:
    runs = [running(clock.monotonic())]
    protection = TaskProtection(agent.uri, lambda: runs, 30.0, clock)
    for _ in range(100):  # ten minutes
        clock.pass_by(6)
        protection.look()
    assert len(agent.asked) == 10
    assert RENEW * 2 <= MINUTES * 60, "one try may fail"
    runs[0].ended = True
    clock.pass_by(600)
    protection.look()
    assert len(agent.asked) == 10
    assert all(asked == ASKED for asked in agent.asked), "never taken back: other workers of the task may need it"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (400, '{"error": {"Code": "AccessDenied"}}'),
        (200, '{"failure": {"Reason": "TASK_NOT_VALID"}}'),
        (200, "no json"),
    ],
)
def test_a_refusal_is_said_once_and_it_is_tried_again(
    agent: EcsAgent, clock: ManualClock, status: int, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    protection = TaskProtection(agent.uri, lambda: [running(0.0)], 30.0, clock)
    agent.status, agent.answer = status, answer
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            protection.look()
    assert len(agent.asked) == 2
    assert caplog.text.count("can't be protected") == 1
    agent.status, agent.answer = 200, json.dumps(DONE)
    protection.look()
    protection.look()
    assert len(agent.asked) == 3


def test_an_agent_that_is_not_there_stops_no_worker(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    with EcsAgent() as gone:
        pass
    TaskProtection(gone.uri, lambda: [running(0.0)], 30.0, clock).look()
    assert "can't be protected" in caplog.text


def test_outside_of_ecs_or_switched_off_nothing_is_done(clock: ManualClock) -> None:
    inside = {"ECS_AGENT_URI": "http://169.254.170.2/api/x"}
    assert protection_loops(list, 30.0, clock, {}) == []
    assert protection_loops(list, 0.0, clock, inside) == []
    assert [name for name, _ in protection_loops(list, 30.0, clock, inside)] == ["task protection"]
