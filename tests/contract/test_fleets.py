"""FleetStore: the last decision about each group, and those that changed something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.kit import at
from mrq.domain.fleet import Decision, Fleet, FleetMemory
from mrq.domain.queuefigures import QueueFigures, RunTimes
from mrq.ports.fleets import DECISIONS_KEPT, FleetChange, FleetRecord

if TYPE_CHECKING:
    from mrq.ports.fleets import FleetStore


def record(seconds: float = 0.0, containers: int = 3) -> FleetRecord:
    figures = QueueFigures(12, 0.5, None, 4.0, RunTimes(1.0, 0.5, 2.0, 3.0))
    memory = FleetMemory(wanted=containers, low_since=1.5, peak=4)
    return FleetRecord(at(seconds), figures, Fleet(2, 1), Decision(containers, 0, "more wait", memory))


def test_the_last_decision_is_read_as_it_was_made(fleets: FleetStore) -> None:
    assert fleets.last("g") is None
    fleets.save("g", record(), changed=True)
    fleets.save("h", record(5), changed=False)
    assert fleets.last("g") == record()
    fleets.save("g", record(1, 4), changed=True)
    assert fleets.last("g") == record(1, 4)
    assert fleets.last("h") == record(5)


def test_figures_that_are_not_known_stay_so(fleets: FleetStore) -> None:
    made = FleetRecord(at(0), QueueFigures(), Fleet(), Decision(0, 0, "nothing waits", FleetMemory()))
    fleets.save("g", made, changed=False)
    assert fleets.last("g") == made


def test_only_changes_are_kept_and_so_many_at_most(fleets: FleetStore) -> None:
    assert list(fleets.changes("g")) == []
    for number in range(DECISIONS_KEPT + 2):
        fleets.save("g", record(number, number), changed=True)
        fleets.save("g", record(number + 0.5, number), changed=False)
    changes = fleets.changes("g")
    last = DECISIONS_KEPT + 1
    assert changes[0] == FleetChange(at(last), last, 0, "more wait")
    assert [change.containers for change in changes] == list(range(last, last - DECISIONS_KEPT, -1))
