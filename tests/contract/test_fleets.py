"""FleetStore: the last decision about each group, and those that changed something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import at
from mrq.domain.fleet import Decision, Fleet, FleetMemory
from mrq.domain.queuefigures import QueueFigures, RunTimes
from mrq.ports.fleets import DECISIONS_KEPT, FleetChange, FleetRecord

if TYPE_CHECKING:
    from mrq.ports.fleets import FleetStore


def record(seconds: float = 0.0, containers: int = 3) -> FleetRecord:
    figures = QueueFigures(12, 0.5, None, 4.0, RunTimes(1.0, 0.5, 2.0, 3.0))
    memory = FleetMemory(wanted=containers, low_since=1.5, peak=4, run_time=figures.run_time)
    return FleetRecord(at(seconds), figures, Fleet(2, 1), Decision(containers, 0, "more wait", memory))


def save(fleets: FleetStore, group: str, made: FleetRecord, *, changed: bool = False) -> None:
    assert fleets.save(group, made, changed=changed, seen=fleets.last(group))


def test_the_last_decision_is_read_as_it_was_made(fleets: FleetStore) -> None:
    assert fleets.last("g") is None
    save(fleets, "g", record(), changed=True)
    save(fleets, "h", record(5), changed=False)
    assert fleets.last("g") == record()
    save(fleets, "g", record(1, 4), changed=True)
    assert fleets.last("g") == record(1, 4)
    assert fleets.last("h") == record(5)


def test_it_has_a_clock(fleets: FleetStore) -> None:
    assert abs((datetime.now(UTC).replace(tzinfo=None) - fleets.now()).total_seconds()) < 60


def test_figures_that_are_not_known_stay_so(fleets: FleetStore) -> None:
    made = FleetRecord(at(0), QueueFigures(), Fleet(), Decision(0, 0, "nothing waits", FleetMemory()))
    save(fleets, "g", made, changed=False)
    assert fleets.last("g") == made


def test_only_changes_are_kept_and_so_many_at_most(fleets: FleetStore) -> None:
    assert list(fleets.changes("g")) == []
    for number in range(DECISIONS_KEPT + 2):
        save(fleets, "g", record(number, number), changed=True)
        save(fleets, "g", record(number + 0.5, number), changed=False)
    changes = fleets.changes("g")
    last = DECISIONS_KEPT + 1
    assert changes[0] == FleetChange(at(last), last, 0, "more wait")
    assert [change.containers for change in changes] == list(range(last, last - DECISIONS_KEPT, -1))


def test_of_two_that_decide_from_the_same_last_decision_one_is_told_that_it_came_too_late(fleets: FleetStore) -> None:
    assert fleets.save("g", record(0, 1), changed=True, seen=None)
    assert not fleets.save("g", record(0, 2), changed=True, seen=None), "there is one meanwhile"
    seen = fleets.last("g")
    assert fleets.save("g", record(0, 3), changed=True, seen=seen), "also at the same moment"
    assert not fleets.save("g", record(0, 4), changed=True, seen=seen)
    assert fleets.last("g") == record(0, 3)
    assert [change.containers for change in fleets.changes("g")] == [3, 1]
    assert not fleets.save("other", record(), changed=True, seen=seen), "what was seen is gone"
    assert fleets.last("other") is None


def test_why_a_decision_could_not_be_carried_out_is_kept_until_the_next_one(fleets: FleetStore) -> None:
    fleets.failed("g", "nothing was decided yet")
    assert fleets.last("g") is None
    save(fleets, "g", record())
    fleets.failed("g", "no such service")
    seen = fleets.last("g")
    assert seen is not None
    assert (seen.failure, seen.decision) == ("no such service", record().decision)
    save(fleets, "g", record(1))
    assert fleets.last("g") == record(1)


@pytest.mark.parametrize("unread", [{"at": at(0), "memory": {"of": "tomorrow"}}, {"at": at(0), "revision": 7}])
def test_a_decision_of_another_version_is_replaced_once(database: Any, unread: dict[str, Any]) -> None:
    from mrq.stores.mongo_fleets import MongoFleetStore

    fleets = MongoFleetStore(database)
    database.mrq_fleets.insert_one({"_id": "g", **unread})
    assert fleets.last("g") is None
    assert fleets.save("g", record(), changed=False, seen=None)
    assert not fleets.save("g", record(1), changed=False, seen=None)
    assert fleets.last("g") == record()


def test_a_decision_without_a_revision_is_replaced_once(database: Any) -> None:
    from mrq.stores.mongo_fleets import MongoFleetStore

    fleets = MongoFleetStore(database)
    save(fleets, "g", record())
    database.mrq_fleets.update_one({"_id": "g"}, {"$unset": {"revision": ""}})
    seen = fleets.last("g")
    assert fleets.save("g", record(1), changed=False, seen=seen)
    assert not fleets.save("g", record(2), changed=False, seen=seen)
