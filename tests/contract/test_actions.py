"""AuditStore and OperationStore."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import at
from mrq.ports.audit import AuditEntry
from mrq.ports.operations import Operation, OperationState
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from mrq.ports.audit import AuditStore
    from mrq.ports.operations import OperationStore


@pytest.fixture(params=["memory", "mongodb", "mongodb with indexes"])
def actions(request: pytest.FixtureRequest) -> tuple[AuditStore, OperationStore]:
    """Nothing has been done yet."""
    from mrq.stores.memory_actions import MemoryAuditStore, MemoryOperationStore
    from mrq.stores.mongo_actions import MongoAuditStore, MongoOperationStore

    if request.param == "memory":
        return MemoryAuditStore(), MemoryOperationStore()
    database = request.getfixturevalue("database")
    audit, operations = MongoAuditStore(database), MongoOperationStore(database)
    if "indexes" in request.param:
        assert audit.ensure_indexes() == ["dateexpires_1", "mrq_target", "mrq_who"]
        assert operations.ensure_indexes() == ["dateexpires_1", "mrq_running"]
        assert operations.ensure_indexes() == []
    return audit, operations


def entry(**about: Any) -> AuditEntry:
    values = {"date": at(0), "who": "anna", "what": "job.requeue", "target": "5f", **about}
    return AuditEntry(id=new_id(), **values)


def operation(**about: Any) -> Operation:
    values = {"action": "requeue", "about": {"params": {"a.b": 1, "$x": [None]}}, "who": "leo", **about}
    return Operation(id=new_id(), started=at(0), updated=at(0), **values)


def test_entries_are_read_back_as_they_were(actions: tuple[AuditStore, OperationStore]) -> None:
    audit, _ = actions
    made = entry(about={"$where": {"a.b": 1}}, reason="why", count=3, outcome="refused")
    audit.add(made, at(100))
    audit.add(replace(made, who="else"), at(100))
    assert audit.page(10) == [made]


def test_the_newest_entries_come_first(actions: tuple[AuditStore, OperationStore]) -> None:
    audit, _ = actions
    made = [entry(who=f"u{n % 2}", target=f"t{n % 3}") for n in range(6)]
    for each in made:
        audit.add(each, at(100))
    assert audit.page(4) == made[:1:-1]
    assert audit.page(10, made[2].id) == made[1::-1]
    assert audit.page(10, who="u1") == [made[5], made[3], made[1]]
    assert audit.page(10, target="t0", who="u0") == [made[0]]


def test_entries_of_some_kinds(actions: tuple[AuditStore, OperationStore]) -> None:
    audit, _ = actions
    made = [entry(what=what, target="q") for what in ("queue.pause", "queue.limit", "queue.resume")]
    for each in made:
        audit.add(each, at(100))
    assert audit.page(1, target="q", what=["queue.pause"]) == [made[0]]
    assert audit.page(5, what=("queue.pause", "queue.resume")) == [made[2], made[0]]


def test_an_operation_is_held_by_one_at_a_time(actions: tuple[AuditStore, OperationStore]) -> None:
    _, operations = actions
    made, mine, other = operation(destination="q", total=7), new_id(), new_id()
    operations.add(made, at(1000))
    assert operations.fetch(made.id) == made
    assert operations.abandoned(at(0), 10) == [made.id]
    assert operations.hold(made.id, mine, at(0), at(30)) == made
    assert operations.hold(made.id, other, at(10), at(40)) is None
    assert operations.abandoned(at(10), 10) == []
    assert operations.save(replace(made, moved=3, found=4, last=made.id), mine, at(60)) is OperationState.RUNNING
    assert operations.hold(made.id, other, at(40), at(70)) is None
    held = operations.hold(made.id, other, at(60), at(90))
    assert held is not None
    assert (held.moved, held.found, held.last) == (3, 4, made.id)
    assert operations.save(made, mine, at(99)) is None
    assert operations.save(replace(held, state=OperationState.DONE), other, at(90)) is OperationState.DONE
    assert operations.hold(made.id, mine, at(500), at(600)) is None
    assert operations.abandoned(at(500), 10) == []


def test_a_request_to_stop_stays(actions: tuple[AuditStore, OperationStore]) -> None:
    _, operations = actions
    made, mine = operation(), new_id()
    operations.add(made, at(1000))
    operations.hold(made.id, mine, at(0), at(30))
    assert operations.stop(made.id)
    assert operations.save(replace(made, moved=1), mine, at(60)) is OperationState.STOPPING
    assert operations.save(replace(made, state=OperationState.STOPPED), mine, at(0)) is OperationState.STOPPED
    assert not operations.stop(made.id)
    assert not operations.stop(new_id())
    assert operations.fetch(new_id()) is None


def test_the_newest_operations_come_first(actions: tuple[AuditStore, OperationStore]) -> None:
    _, operations = actions
    made = [operation() for _ in range(3)]
    for each in made:
        operations.add(each, at(100))
    assert operations.page(2) == [made[2], made[1]]
    assert operations.page(2, made[1].id) == [made[0]]
