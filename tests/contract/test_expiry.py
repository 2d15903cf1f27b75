"""What TTL indexes do, done by hand where they don't."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import TASK, at
from mrq.app_stores import StoreShelf
from mrq.app_upkeep import expiring
from mrq.domain.profile import Profile
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.ports.audit import AuditEntry
from mrq.ports.deploys import DEPLOYS_KEPT, Deploy
from mrq.ports.operations import Operation
from mrq.ports.profiles import PROFILES_KEPT
from mrq.stores.ids import new_id
from mrq.stores.memory_actions import MemoryAuditStore, MemoryOperationStore
from mrq.stores.memory_insights import MemoryDeploys, MemoryProfiles
from mrq.stores.mongo_actions import MongoAuditStore, MongoOperationStore
from mrq.stores.mongo_deploys import MongoDeploys
from mrq.stores.mongo_profiles import MongoProfiles

if TYPE_CHECKING:
    from contract.conftest import AgentKit
    from contract.kit import JobKit
    from mrq.app import App
    from mrq.ports.jobkeys import JobKeys
    from mrq.ports.workers import WorkerStore

# MongoDB deletes by itself what is past, once a minute: in these tests "before" is a time to come.
COMING = datetime.now(UTC).replace(microsecond=0, tzinfo=None) + timedelta(days=365)


def ended(kit: JobKit, days: float | None) -> None:
    expires = {} if days is None else {"dateexpires": COMING + timedelta(days=days)}
    kit.put({"_id": new_id(), "path": TASK, "params": {}, "queue": "q", "status": Status.SUCCESS.value,
             "datequeued": at(0), **expires})  # fmt: skip


def left(kit: JobKit) -> int:
    return kit.store.count("q", frozenset({Status.SUCCESS}))


def test_jobs_whose_time_is_over_are_deleted_so_many_at_most(kit: JobKit) -> None:
    kit.store.ensure_indexes()
    for days in (-3, -2, -1, 1, None):
        ended(kit, days)
    assert kit.store.expire(COMING, 2) == 2
    assert left(kit) == 3
    assert kit.store.expire(COMING, 2) == 1
    assert kit.store.expire(COMING, 2) == 0
    assert left(kit) == 2  # not yet, and never


def test_without_the_index_no_job_is_looked_for(mongo_kit: JobKit) -> None:
    ended(mongo_kit, -1)
    mongo_kit.database.mrq_jobs.drop_index("dateexpires_1")
    assert mongo_kit.store.expire(COMING, 10) == 0
    assert left(mongo_kit) == 1


def test_nothing_is_deleted_where_nothing_is(kit: JobKit, job_keys: JobKeys, workers: WorkerStore) -> None:
    for store in (kit.store, job_keys, workers):
        assert store.expire(COMING, 10) == 0  # type: ignore[attr-defined]


def test_keys_whose_time_is_over_are_forgotten(job_keys: JobKeys) -> None:
    job_keys.ensure_indexes()
    old, new = new_id(), new_id()
    job_keys.hold({"gone": old, "renewed": old}, COMING - timedelta(days=1))
    job_keys.hold({"renewed": new}, COMING + timedelta(days=1))
    assert job_keys.expire(COMING, 10) == 1
    assert job_keys.hold({"gone": new, "renewed": new}, COMING) == {"gone": new, "renewed": old}


def test_documents_of_workers_are_deleted_an_hour_after_their_last_sign_of_life(workers: WorkerStore) -> None:
    workers.ensure_indexes()
    worker = new_id()
    workers.register(WorkerRecord(worker, "w", at(0), lease=15.0))
    now = workers.beat(worker)
    assert now is not None
    assert workers.expire(now + timedelta(minutes=59), 10) == 0
    assert workers.fetch(worker) is not None
    assert workers.expire(now + timedelta(minutes=61), 10) == 1
    assert workers.fetch(worker) is None


AUDITED = AuditEntry(new_id(), COMING, "me", "cancel", "job")
OPERATION = Operation(new_id(), COMING, "me", "cancel", {}, "")


@pytest.fixture(params=["memory", "mongodb"])
def others(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Stores that are not in other fixtures."""
    if request.param == "memory":
        return {"audit": MemoryAuditStore(), "operations": MemoryOperationStore(),
                "deploys": MemoryDeploys(), "profiles": MemoryProfiles()}  # fmt: skip
    database = request.getfixturevalue("database")
    return {"audit": MongoAuditStore(database), "operations": MongoOperationStore(database),
            "deploys": MongoDeploys(database), "profiles": MongoProfiles(database)}  # fmt: skip


def test_other_documents_are_deleted_when_their_time_is_over(others: dict[str, Any]) -> None:
    for store in others.values():
        store.ensure_indexes()
        assert store.expire(COMING, 10) == 0
    day = timedelta(days=1)
    for days in (-1, 1):
        others["audit"].add(replace(AUDITED, id=new_id(), who=f"{days}"), COMING + days * day)
        others["operations"].add(replace(OPERATION, id=new_id(), who=f"{days}"), COMING + days * day)
        others["deploys"].mark(Deploy(f"{days}", COMING - DEPLOYS_KEPT + days * day))
        others["profiles"].put(Profile(new_id(), new_id(), COMING - PROFILES_KEPT + days * day, 1.0, 1, {"a": 1}))
    for name, store in others.items():
        assert store.expire(COMING, 10) == 1, name
        assert store.expire(COMING, 10) == 0, name
    assert [entry.who for entry in others["audit"].page(10)] == ["1"]
    assert [operation.who for operation in others["operations"].page(10)] == ["1"]
    assert [each.started for each in others["profiles"].newest()] == [COMING - PROFILES_KEPT + day]
    marks = others["deploys"].between(COMING - timedelta(days=800), COMING)
    assert [mark.version for mark in marks] == ["1"]


def test_agents_are_forgotten(agents: AgentKit) -> None:
    agents.store.ensure_indexes()
    document = agents.store.report(new_id(), {"worker_group": "xx", "status": "started"}, 3600.0)
    expires = document["dateexpires"]
    assert agents.store.expire(expires, 10) == 0
    assert agents.store.expire(expires + timedelta(seconds=1), 10) == 1
    assert agents.store.fetch(document["_id"]) is None


def test_every_store_with_an_expiry_is_looked_after(app: App) -> None:
    shelf = {name for name, part in vars(StoreShelf).items() if isinstance(part, cached_property)}
    opened = {name: getattr(app, name) for name in shelf if not name.startswith("_")}
    wanted = {name for name, store in opened.items() if hasattr(store, "expire")} - {"stats_store"}
    assert {id(store) for store in expiring(app)} == {id(opened[name]) for name in wanted}
    assert {"audit", "operations", "agents", "deploys", "profiles", "logs"} <= wanted
