"""A group is sized by one clock, the database's, whoever does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mrq.domain.agents import group_of
from mrq.domain.fleet import Fleet
from mrq.domain.queuefigures import QueueFigures
from mrq.engine.fleets import FleetSizer
from mrq.stores.ids import new_id
from mrq.stores.memory_agents import MemoryAgentStore
from mrq.stores.memory_fleets import MemoryFleetStore
from unit.engine.kit import NOW, ManualClock

if TYPE_CHECKING:
    from mrq.domain.groupsizing import GroupSizing

SIZING = {"queues": ["q"], "target": {"backlog_per_worker": 10}, "max_workers": 20}
STALLED = QueueFigures(waiting=100, completions_per_s=0.0, in_progress=0)


@dataclass
class Figures:
    """Those of a queue in which nothing ends; `asked`: for when."""

    asked: list[datetime] = field(default_factory=list)

    def __call__(self, _queue: str, now: datetime) -> QueueFigures:
        self.asked.append(now)
        return STALLED


def sizing() -> GroupSizing:
    found = group_of({"_id": "g", "commands": ["w"], "sizing": SIZING}).sizing
    assert found is not None
    return found


def test_workers_that_only_finish_their_jobs_are_none_of_the_fleet() -> None:
    agents, fleets = MemoryAgentStore(), MemoryFleetStore()
    group = group_of({"_id": "g", "commands": ["w"], "sizing": SIZING})
    w = group.commands[0].command
    for runs, desired in (([w] * 5, [w] * 2), ([w], [w] * 3), ([w], None)):
        agent = new_id()
        agents.report(agent, {"worker_group": "g", "status": "started", "current_workers": runs}, 60)
        if desired is not None:
            agents.assign(agent, desired, None)
    FleetSizer(agents, fleets, Figures()).processes_of(group, group.commands[0])
    last = fleets.last("g")
    assert last is not None
    assert last.fleet == Fleet(running=3, starting=2)


def test_patience_is_that_of_the_database_not_the_difference_of_two_clocks() -> None:
    database, figures = ManualClock(), Figures()
    fleets = MemoryFleetStore(database.now)
    one, other = (FleetSizer(MemoryAgentStore(), fleets, figures) for _ in range(2))
    wanted = []
    for seconds in (0, 1, 598, 1):
        database.pass_by(seconds)
        sized = [sizer.size("g", sizing(), Fleet(running=10)) for sizer in (one, other)]
        wanted += [each.record.decision.containers for each in sized]
    assert wanted == [10] * 6 + [1] * 2
    assert figures.asked[:3] == [NOW, NOW, NOW + timedelta(seconds=1)]
    last = fleets.last("g")
    assert last is not None
    assert last.at == NOW + timedelta(seconds=600)
