"""JobStore: counts, lists, queues and upkeep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import at
from mrq.domain.status import Status
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from contract.kit import JobKit

QUEUED, STARTED, SUCCESS = (frozenset({status}) for status in (Status.QUEUED, Status.STARTED, Status.SUCCESS))
LIVE = QUEUED | STARTED


@pytest.fixture
def filled(kit: JobKit) -> JobKit:
    """`q`: 3 queued, 2 started, 1 ended; `q/a` and `q/b` 1 queued each, `q/c` 1 started; `qq` 1, `q0` 1."""
    for _ in range(3):
        kit.queue(queue="q")
    kit.claim("q", limit=3)
    job = kit.store.started_by(kit.worker, 1)[0]
    assert kit.settle(job).fate is Settled.WRITTEN
    for queue in ("q", "q", "q", "q/c"):
        kit.queue(queue=queue)
    kit.claim("q/c")
    for queue in ("q/a", "q/b", "qq", "q0", "q.", "Q/a"):
        kit.queue(queue=queue)
    return kit


@pytest.mark.parametrize(
    ("queue", "statuses", "expected"),
    [
        ("q", QUEUED, 3), ("q", STARTED, 2), ("q", LIVE, 5), ("q", SUCCESS, 1), ("q", frozenset(Status), 6),
        ("q/", QUEUED, 2), ("q/", STARTED, 1), ("q/", LIVE, 3), ("q/a", QUEUED, 1), ("q/x", QUEUED, 0),
        ("nothing", LIVE, 0), ("q", frozenset(), 0),
    ],
)  # fmt: skip
def test_jobs_are_counted(filled: JobKit, queue: str, statuses: frozenset[Status], expected: int) -> None:
    assert filled.store.count(queue, statuses) == expected


def test_jobs_that_are_not_due_are_not_counted_as_due(kit: JobKit) -> None:
    kit.queue(queue="q")
    kit.queue(queue="q", due=30)
    kit.queue(queue="q", due=3600)
    kit.queue(queue="q", placed=5)  # by a producer whose clock is ahead
    kit.started(queue="running")
    kit.queue(queue="r/a")
    kit.queue(queue="r/b", due=30)
    due = [kit.store.count_due("q", at(seconds)) for seconds in (0, 29, 30, 3600)]
    assert due == [2, 2, 3, 4]
    assert [kit.store.count_due("r/", at(seconds)) for seconds in (0, 30)] == [1, 2]
    assert kit.store.count_due("running", at(0)) == kit.store.count_due("r", at(0)) == 0
    assert len(kit.claim("q", now=29)) == 2


def test_jobs_are_counted_by_queue(filled: JobKit) -> None:
    assert filled.store.count_by_queue(Status.QUEUED) == {
        "q": 3, "q/a": 1, "q/b": 1, "qq": 1, "q0": 1, "q.": 1, "Q/a": 1,
    }  # fmt: skip
    assert filled.store.count_by_queue(Status.STARTED) == {"q": 2, "q/c": 1}
    assert filled.store.count_by_queue(Status.CANCEL) == {}


def test_ids_are_listed_in_the_order_of_the_queue(kit: JobKit) -> None:
    third, first, second = (kit.queue(queue="q", placed=n) for n in (3, 1, 2))
    kit.queue(queue="other")
    assert kit.store.list_ids("q", Status.QUEUED, 0, 10) == [first, second, third]
    assert kit.store.list_ids("q", Status.QUEUED, 1, 1) == [second]
    assert kit.store.list_ids("q", Status.QUEUED, 3, 10) == []
    assert kit.store.list_ids("q", Status.STARTED, 0, 10) == []


def test_ids_of_all_subqueues_are_listed_together(kit: JobKit) -> None:
    second, first = kit.queue(queue="q/a", placed=2), kit.queue(queue="q/b", placed=1)
    kit.queue(queue="q")
    assert kit.store.list_ids("q/", Status.QUEUED, 0, 10) == [first, second]


def test_subqueues_with_waiting_or_running_jobs_are_known(filled: JobKit) -> None:
    assert filled.store.subqueues("q") == {"q/a", "q/b", "q/c"}
    assert filled.store.subqueues("qq") == set()


def test_a_queue_is_removed_with_all_its_jobs(filled: JobKit) -> None:
    assert filled.store.remove_queue("q") == 6
    assert filled.store.count("q", frozenset(Status)) == 0
    assert filled.store.count("q/", frozenset(Status)) == 3
    assert filled.store.remove_queue("q") == 0


def test_all_subqueues_are_removed_together(filled: JobKit) -> None:
    assert filled.store.remove_queue("q/") == 3
    assert filled.store.count("q", frozenset(Status)) == 6
    assert filled.store.count("Q/", LIVE) == 1


def test_a_job_that_is_not_there_is_none(kit: JobKit) -> None:
    assert kit.store.fetch(kit.store.new_id()) is None


def test_a_fetched_document_is_the_readers_own(kit: JobKit) -> None:
    job_id = kit.queue(params={"list": [1]})
    kit.read(job_id).params["list"].append(2)
    assert kit.read(job_id).params == {"list": [1]}


def test_missing_indexes_are_named_until_they_are_made(kit: JobKit) -> None:
    missing = kit.store.missing_indexes()
    assert {"mrq_queued", "mrq_started"} <= set(missing)
    assert sorted(kit.store.ensure_indexes()) == sorted(missing)
    assert kit.store.missing_indexes() == []
    assert kit.store.ensure_indexes() == []


def test_the_store_says_what_it_is(kit: JobKit) -> None:
    assert ("MongoDB" in kit.store.ping()) is (kit.database is not None)


def test_queues_are_known_by_their_job_documents(kit: JobKit) -> None:
    assert kit.store.queue_names() == set()
    kit.queue(queue="a")
    kit.queue(queue="b/x")
    kit.settle(kit.started(queue="default"))
    assert kit.store.queue_names() == {"a", "b/x", "default"}, "ended jobs count as well"
    kit.store.remove_queue("b/x")
    assert kit.store.queue_names() == {"a", "default"}


def test_when_that_takes_too_long_waiting_and_running_jobs_must_do(
    mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymongo.errors import ExecutionTimeout

    mongo_kit.queue(queue="a")
    mongo_kit.settle(mongo_kit.started(queue="only an ended job"))
    mongo_kit.started(queue="default")
    collection = type(mongo_kit.store._jobs)  # type: ignore[attr-defined]
    aggregate = collection.aggregate

    def slow(self: Any, pipeline: Any, *args: Any, **options: Any) -> Any:
        if pipeline[0] == {"$match": {}}:
            raise ExecutionTimeout("operation exceeded time limit", 50)
        return aggregate(self, pipeline, *args, **options)

    monkeypatch.setattr(collection, "aggregate", slow)
    assert mongo_kit.store.queue_names() == {"a", "default"}
