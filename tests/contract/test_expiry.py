"""What TTL indexes do, done by hand where they don't."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from contract.kit import TASK, at
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from contract.kit import JobKit
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
