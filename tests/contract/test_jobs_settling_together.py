"""JobStore: many ends of one claim, which MongoDB is told in one update; and what becomes of them where it can't."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from bson import DBRef
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, OperationFailure

from contract.kit import at
from mrq.domain.outcome import Failure
from mrq.domain.status import Status
from mrq.ports.jobs import Settled
from mrq.stores import mongo_settling

if TYPE_CHECKING:
    from collections.abc import Callable

    from contract.kit import JobKit
    from mrq.domain.job import ClaimedJob
    from mrq.stores.mongo_settling import EndWriter

SEVERAL = 12


def claimed(kit: JobKit, count: int = SEVERAL) -> list[ClaimedJob]:
    """Jobs under one claim."""
    queue = f"own-{kit.store.new_id()}"
    for n in range(count):
        kit.queue(queue=queue, params={"n": n})
    jobs = kit.claim(queue, limit=count)
    assert len({job.token for job in jobs}) == 1
    assert len(jobs) == count
    return jobs


class Told:
    """Notes the updates of bulk writes; `refuse` may raise before one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refuse: Callable[[list[Any]], None] | None = None) -> None:
        self.kinds: list[list[str]] = []
        real = Collection.bulk_write

        def bulk_write(collection: Any, writes: list[Any], **options: Any) -> Any:
            self.kinds.append([type(write).__name__ for write in writes])
            if refuse is not None:
                refuse(writes)
            return real(collection, writes, **options)

        monkeypatch.setattr(Collection, "bulk_write", bulk_write)


def fates(kit: JobKit, batch: list[Any]) -> list[Settled]:
    return [result.fate for result in kit.store.settle(batch)]


def test_each_job_gets_its_own_values(kit: JobKit) -> None:
    jobs = claimed(kit)
    batch = [
        kit.ending(job, at=at(n), result={"n": n}, totaltime=n / 4, expires=at(900 + n) if n % 2 else None)
        for n, job in enumerate(jobs)
    ]
    before = [dict(kit.read(job.id).document) for job in jobs]
    assert fates(kit, batch) == [Settled.WRITTEN] * SEVERAL
    for n, (job, document) in enumerate(zip(jobs, before, strict=True)):
        expected = {"status": "success", "dateupdated": at(n), "result": {"n": n}, "totaltime": n / 4}
        gone = {"dateexpires": at(900 + n)} if n % 2 else {}
        assert kit.read(job.id).document == {**document, **expected, **gone}


STRANGE = [
    "$status", {"$set": {"status": "failed"}}, {"$literal": 1}, {"a.b": 1}, {"$$ROOT": "$$REMOVE"}, ["$_id"], {"": ""},
    DBRef("mrq_jobs", 1),
]  # fmt: skip


@pytest.mark.parametrize("together", [True, False])
def test_nothing_in_a_result_is_an_expression(
    mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    if not together:
        monkeypatch.setattr(mongo_settling, "FEWEST", 1000)
    told = Told(monkeypatch)
    jobs = claimed(mongo_kit, len(STRANGE))
    batch = [mongo_kit.ending(job, result=result) for job, result in zip(jobs, STRANGE, strict=True)]
    assert fates(mongo_kit, batch) == [Settled.WRITTEN] * len(STRANGE)
    assert [mongo_kit.read(job.id).result for job in jobs] == STRANGE
    assert told.kinds == [["UpdateMany"] if together else ["UpdateOne"] * len(STRANGE)]


def test_claims_that_were_lost_meanwhile_are_refused_one_by_one(kit: JobKit) -> None:
    jobs = claimed(kit)
    assert kit.store.move(jobs[3].id, Status.CANCEL, at(5), {})
    kit.settle(jobs[7], Status.QUEUED, at=at(1))
    (again,) = kit.claim(jobs[7].queue)  # by the same worker, under a claim of its own
    batch = [kit.ending(job, result=n) for n, job in enumerate(jobs)]
    assert [n for n, fate in enumerate(fates(kit, batch)) if fate is Settled.REFUSED] == [3, 7]
    assert (kit.status(jobs[3].id), kit.status(again.id)) == (Status.CANCEL, Status.STARTED)


def test_a_claim_does_not_speak_for_the_jobs_of_another(mongo_kit: JobKit) -> None:
    one, other = claimed(mongo_kit, 6), claimed(mongo_kit, 6)
    crossed = [replace(mongo_kit.ending(job), token=other[0].token) for job in one]
    assert fates(mongo_kit, [*crossed, *map(mongo_kit.ending, other)]) == [Settled.REFUSED] * 6 + [Settled.WRITTEN] * 6


def test_ends_of_all_kinds_go_in_one_batch(kit: JobKit) -> None:
    jobs = claimed(kit)
    batch = [kit.ending(job, result=n) for n, job in enumerate(jobs)]
    batch[2] = kit.ending(jobs[2], Status.FAILED, failure=Failure("ValueError", "text"))
    batch[5] = kit.ending(jobs[5], Status.QUEUED)
    batch[8] = kit.ending(jobs[8], result="x" * (mongo_settling.LARGEST + 1))
    assert fates(kit, batch) == [Settled.WRITTEN] * SEVERAL
    found = [kit.status(job.id).value for job in jobs]
    assert found == ["success"] * 2 + ["failed"] + ["success"] * 2 + ["queued"] + ["success"] * 6
    assert len(kit.read(jobs[8].id).result) == mongo_settling.LARGEST + 1


def test_one_batch_is_one_command_a_claim(mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [*claimed(mongo_kit), *claimed(mongo_kit), *claimed(mongo_kit, 2)]
    told = Told(monkeypatch)
    assert set(fates(mongo_kit, [mongo_kit.ending(job) for job in jobs])) == {Settled.WRITTEN}
    assert told.kinds == [["UpdateMany"] * 2 + ["UpdateOne"] * 2]


def test_a_batch_is_cut_where_a_command_would_be_too_large(mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo_settling, "LARGEST_SUM", 5_000)
    jobs = claimed(mongo_kit)
    told = Told(monkeypatch)
    batch = [mongo_kit.ending(job, result="x" * 1_000) for job in jobs]
    assert fates(mongo_kit, batch) == [Settled.WRITTEN] * SEVERAL
    assert told.kinds == [["UpdateMany"] * 3]
    monkeypatch.setattr(mongo_settling, "MOST", 4)
    assert fates(mongo_kit, batch) == [Settled.WRITTEN] * SEVERAL  # once more: recognised


def test_a_result_as_deep_as_is_allowed_goes_with_the_others(kit: JobKit) -> None:
    deep: dict[str, Any] = {}
    for _ in range(168):
        deep = {"in": deep}
    jobs = claimed(kit)
    batch = [kit.ending(job, result=deep if n == 4 else n) for n, job in enumerate(jobs)]
    assert fates(kit, batch) == [Settled.WRITTEN] * SEVERAL
    assert kit.read(jobs[4].id).result == deep


def refused_as_a_command(writes: list[Any]) -> None:
    if any(type(write).__name__ == "UpdateMany" for write in writes):
        raise OperationFailure("Modifiers operate on fields but we found type array instead", 9)


def refused_as_a_write(writes: list[Any]) -> None:
    for index, write in enumerate(writes):
        if type(write).__name__ == "UpdateMany":
            error = {"index": index, "code": 9, "errmsg": "we found type array instead"}
            raise BulkWriteError({"writeErrors": [error], "nMatched": 0, "nUpserted": 0})


@pytest.mark.parametrize("refuse", [refused_as_a_command, refused_as_a_write])
def test_a_server_without_updates_by_pipeline_is_asked_three_times(
    mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch, refuse: Callable[[list[Any]], None]
) -> None:
    told = Told(monkeypatch, refuse)
    batches = [[mongo_kit.ending(job) for job in claimed(mongo_kit)] for _ in range(5)]
    for batch in batches:
        assert fates(mongo_kit, batch) == [Settled.WRITTEN] * SEVERAL
    alone = ["UpdateOne"] * SEVERAL
    assert told.kinds == [["UpdateMany"], alone] * mongo_settling.REFUSALS + [alone] * 2


def test_refusals_that_are_about_a_job_do_not_add_up(mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse: list[bool] = []
    Told(monkeypatch, lambda writes: refused_as_a_command(writes) if refuse else None)
    writer: EndWriter = mongo_kit.store._ends  # type: ignore[attr-defined]
    for _ in range(mongo_settling.REFUSALS + 1):
        refuse.append(True)
        assert set(fates(mongo_kit, [mongo_kit.ending(job) for job in claimed(mongo_kit)])) == {Settled.WRITTEN}
        refuse.clear()
        assert set(fates(mongo_kit, [mongo_kit.ending(job) for job in claimed(mongo_kit)])) == {Settled.WRITTEN}
        assert writer._refusals == 0
