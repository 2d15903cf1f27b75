"""JobStore on MongoDB: with its indexes, nothing that workers do all the time reads what it doesn't need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import NOW, JobKit, at
from mrq.domain.status import Status
from mrq.ports.jobs import Settled
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.servers import Servers

OTHERS = 20_000


@pytest.fixture(scope="module")
def crowded(servers: Servers) -> Iterator[JobKit]:
    """A store with indexes, in which 20,000 jobs are queued elsewhere, delayed, or have ended."""
    from mrq.stores.mongo_client import connect
    from mrq.stores.mongo_jobs import MongoJobStore

    with servers.database() as url:
        database = connect(url, server_timeout=10, name="contract")
        store = MongoJobStore(database)
        store.ensure_indexes()
        worker = new_id()
        common = {"path": "tasks.Other", "params": {}, "datequeued": at(-1000)}
        kinds: list[dict[str, Any]] = [
            {"queue": "elsewhere", "status": "queued"},
            {"queue": "default", "status": "success", "worker": worker, "claim": new_id(), "datestarted": NOW},
            {"queue": "default", "status": "failed", "worker": worker, "claim": new_id(), "datestarted": NOW},
            {"queue": "default", "status": "queued", "datequeued": at(100_000), "datedue": at(100_000)},
        ]
        documents = [{"_id": new_id(), **common, **kinds[n % len(kinds)]} for n in range(OTHERS)]
        database.mrq_jobs.insert_many(documents, ordered=False)
        kit = JobKit(store, database.mrq_jobs.insert_one, database)
        kit.worker = worker
        yield kit
        database.client.close()


class Profile:
    """What MongoDB did for the commands in between."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.entries: list[dict[str, Any]] = []

    def __enter__(self) -> Profile:
        self._database.command("profile", 0)
        self._database.drop_collection("system.profile")
        self._database.command("profile", 2)
        return self

    def __exit__(self, *_: object) -> None:
        self._database.command("profile", 0)
        namespace = f"{self._database.name}.mrq_jobs"
        found = self._database["system.profile"].find({"ns": namespace})
        self.entries = [entry for entry in found if "planSummary" in entry]

    @property
    def plans(self) -> set[str]:
        return {entry["planSummary"] for entry in self.entries}

    @property
    def keys(self) -> int:
        return sum(entry.get("keysExamined", 0) for entry in self.entries)


def operations(kit: JobKit) -> dict[str, Callable[[], object]]:
    """What workers, rescuers and readers do all the time."""
    job, retried = kit.started(), kit.ended(Status.RETRY, dateretry=at(-1))
    for _ in range(10):
        kit.queue()
    token = kit.store.new_id()
    return {
        "claim": lambda: kit.claim(limit=10, token=token),
        "reverse claim": lambda: kit.claim("default_reverse", limit=10),
        "empty claim": lambda: kit.claim("nothing", limit=10),
        "claimed_under": lambda: kit.store.claimed_under(kit.worker, token),
        "started_by": lambda: kit.store.started_by(kit.worker, 100),
        "workers_of_started": kit.store.workers_of_started,
        "mark_alone": lambda: kit.store.mark_alone(job.id, job.token),
        "settle": lambda: kit.settle(job),
        "bring_back": lambda: kit.store.bring_back(at(0), 10),
        "move": lambda: kit.store.move(retried.id, Status.CANCEL, at(0), {}),
        "fetch": lambda: kit.store.fetch(job.id),
        "count of the started": lambda: kit.store.count("default", frozenset({Status.STARTED})),
        "count of the due": lambda: kit.store.count_due("default", at(0)),
        "list of ids": lambda: kit.store.list_ids("nothing", Status.QUEUED, 0, 10),
    }


NAMES = (
    "claim", "reverse claim", "empty claim", "claimed_under", "started_by", "workers_of_started", "mark_alone",
    "settle", "bring_back", "move", "fetch", "count of the started", "count of the due",
    "list of ids",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_daily_operation_uses_an_index_and_reads_little(crowded: JobKit, name: str) -> None:
    operation = operations(crowded)[name]
    with Profile(crowded.database) as profile:
        operation()
    assert profile.entries
    assert not [plan for plan in profile.plans if "COLLSCAN" in plan]
    assert profile.keys <= 400, profile.entries


def test_claims_read_the_queue_by_its_own_index(crowded: JobKit) -> None:
    crowded.queue()
    with Profile(crowded.database) as profile:
        assert crowded.claim(limit=1)
    assert "IXSCAN { queue: 1, datequeued: 1, _id: 1 }" in profile.plans


def test_held_jobs_are_read_by_the_index_of_what_runs(crowded: JobKit) -> None:
    crowded.started()
    with Profile(crowded.database) as profile:
        assert crowded.store.started_by(crowded.worker, 10)
    assert profile.plans == {"IXSCAN { worker: 1 }"}


def test_the_indexes_hold_only_what_waits_and_what_runs(crowded: JobKit) -> None:
    indexes = crowded.database.mrq_jobs.index_information()
    assert indexes["mrq_queued"]["partialFilterExpression"] == {"status": "queued"}
    assert indexes["mrq_started"]["partialFilterExpression"] == {"status": "started"}
    assert indexes["dateexpires_1"]["expireAfterSeconds"] == 0


def test_an_index_of_mrq_0_9_by_the_same_name_is_left_alone(database: Any) -> None:
    from mrq.stores.mongo_jobs import MongoJobStore

    database.mrq_jobs.create_index([("dateretry", 1)], name="dateretry_1")  # not sparse: other options
    store = MongoJobStore(database)
    assert "dateretry_1" not in store.ensure_indexes()
    assert store.missing_indexes() == []


def test_writes_ask_for_a_majority_if_not_told_otherwise(mongodb_url: str) -> None:
    from pymongo import MongoClient
    from pymongo.monitoring import CommandListener

    from mrq.stores.mongo_jobs import MongoJobStore

    concerns: dict[str, list[Any]] = {"insert": [], "update": [], "delete": []}

    class Ear(CommandListener):
        def started(self, event: Any) -> None:
            if event.command_name in concerns:
                concerns[event.command_name].append(event.command.get("writeConcern", {}).get("w"))

        def succeeded(self, event: Any) -> None: ...
        def failed(self, event: Any) -> None: ...

    with MongoClient[dict[str, Any]](mongodb_url, event_listeners=[Ear()]) as client:
        kit = JobKit(MongoJobStore(client.get_default_database()), lambda document: None)
        job, other = kit.started(), kit.started()
        kit.store.mark_alone(job.id, job.token)  # type: ignore[arg-type]
        assert kit.settle(job).fate is Settled.WRITTEN
        kit.store.move(other.id, Status.CANCEL, at(1), {})
        kit.store.remove_queue(job.queue)
    assert {name: set(asked) for name, asked in concerns.items()} == {key: {"majority"} for key in concerns}
    assert len(concerns["update"]) == 5
