"""JobStore: the ends of runs, fenced by their claims; what can't be stored costs nobody else anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import NOW, at
from mrq.domain.change import Settlement, unclaimed
from mrq.domain.outcome import Failure
from mrq.domain.status import FINAL, Status
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contract.kit import JobKit

MIB = 1024 * 1024
ENDS = sorted(FINAL - {Status.CANCEL} | {Status.QUEUED})


@pytest.mark.parametrize("status", ENDS)
def test_a_run_can_end_in_every_status_that_may_follow_started(kit: JobKit, status: Status) -> None:
    job = kit.started()
    assert kit.settle(job, status).fate is Settled.WRITTEN
    assert kit.status(job.id) is status


def test_everything_about_the_end_is_written(kit: JobKit) -> None:
    job = kit.started()
    result = kit.settle(
        job, Status.SUCCESS, at=at(60), expires=at(600), totaltime=59.5, result={"n": [1, None]}, progress=1.0
    )
    record = kit.read(job.id)
    assert result.fate is Settled.WRITTEN
    assert (record.status, record.result, record.totaltime, record.progress) == (
        Status.SUCCESS, {"n": [1, None]}, 59.5, 1.0,
    )  # fmt: skip
    assert (record.dateupdated, record.dateexpires) == (at(60), at(600))
    assert (record.worker, record.token, record.datestarted) == (kit.worker, job.token, NOW)


def test_a_result_of_none_is_not_stored(kit: JobKit) -> None:
    assert "result" not in kit.read(kit.ended(result=None).id).document


@pytest.mark.parametrize("result", [0, "", False, [], {}])
def test_results_that_look_like_nothing_are_stored(kit: JobKit, result: Any) -> None:
    assert kit.read(kit.ended(result=result).id).document["result"] == result


def test_what_is_not_changed_stays(kit: JobKit) -> None:
    job = kit.started(params={"n": 1})
    before = dict(kit.read(job.id).document)
    kit.settle(job, Status.TIMEOUT, at=at(9))
    after = dict(kit.read(job.id).document)
    assert after == {**before, "status": "timeout", "dateupdated": at(9)}


def test_a_failure_is_written_and_added_to_the_history(kit: JobKit) -> None:
    job = kit.started()
    kit.settle(job, Status.RETRY, at=at(1), failure=Failure("KeyError", "first"), worker=kit.worker)
    kit.store.move(job.id, Status.QUEUED, at(2), {})
    (again,) = kit.claim(job.queue)
    kit.settle(again, Status.FAILED, at=at(3), failure=Failure("ValueError", "second", "cause"))
    record = kit.read(job.id)
    assert (record.exceptiontype, record.traceback) == ("ValueError", "second")
    first, second = record.traceback_history
    assert first == {
        "date": at(1), "status": "retry", "exceptiontype": "KeyError", "traceback": "first", "worker": kit.worker,
    }  # fmt: skip
    assert second == {
        "date": at(3), "status": "failed", "exceptiontype": "ValueError", "traceback": "second",
        "original_traceback": "cause",
    }  # fmt: skip


def test_the_history_keeps_the_last_thirty_entries(kit: JobKit) -> None:
    job = kit.started()
    for n in range(33):
        kit.settle(job, Status.QUEUED, failure=Failure("Error", str(n)))
        (job,) = kit.claim(job.queue)
    history = kit.read(job.id).traceback_history
    assert [entry["traceback"] for entry in history] == [str(n) for n in range(3, 33)]


def test_a_job_can_go_back_to_another_queue_and_place(kit: JobKit) -> None:
    job = kit.started(due=-50)
    kit.settle(job, Status.QUEUED, queue="other", datequeued=at(5), retry_count=1)
    (again,) = kit.claim("other", now=10)
    assert (again.id, again.datequeued, again.retry_count) == (job.id, at(5), 1)
    assert kit.read(job.id).due is None


def test_a_job_handed_back_keeps_its_place(kit: JobKit) -> None:
    first, second = kit.queue(queue="q", placed=-2), kit.queue(queue="q", placed=-1)
    (job,) = kit.claim("q", limit=1)
    kit.settle(job, Status.QUEUED)
    assert [job.id for job in kit.claim("q")] == [first, second]


# ---- the fence


def test_a_wrong_token_is_refused_and_changes_nothing(kit: JobKit) -> None:
    job = kit.started()
    before = kit.read(job.id)
    job.token = kit.store.new_id()
    assert kit.settle(job, result="stolen").fate is Settled.REFUSED
    assert kit.read(job.id) == before


def test_no_token_is_a_wrong_token_for_a_claimed_job(kit: JobKit) -> None:
    job = kit.started()
    job.token = None
    assert kit.settle(job).fate is Settled.REFUSED


def test_a_job_that_is_gone_is_refused(kit: JobKit) -> None:
    job = kit.started()
    kit.store.remove_queue(job.queue)
    assert kit.settle(job).fate is Settled.REFUSED
    job.token = None
    assert kit.settle(job).fate is Settled.REFUSED


def test_after_a_rescue_the_first_worker_is_refused(kit: JobKit) -> None:
    job = kit.started()
    kit.settle(job, Status.QUEUED, losses=1)  # the rescuer's write
    assert kit.settle(job, result="late").fate is Settled.REFUSED
    (again,) = kit.claim(job.queue, worker=kit.store.new_id())
    assert kit.settle(job, result="later").fate is Settled.REFUSED
    assert kit.settle(again, result="right").fate is Settled.WRITTEN
    assert kit.settle(job, result="latest").fate is Settled.REFUSED
    assert kit.read(job.id).result == "right"


def test_after_a_cancel_the_end_is_refused(kit: JobKit) -> None:
    job = kit.started()
    assert kit.store.move(job.id, Status.CANCEL, at(1), {})
    assert kit.settle(job).fate is Settled.REFUSED
    assert kit.status(job.id) is Status.CANCEL


@pytest.mark.parametrize("status", ENDS)
def test_a_repeated_settlement_is_recognised(kit: JobKit, status: Status) -> None:
    job = kit.started()
    failure = Failure("Error", "once")
    for _ in range(3):
        assert kit.settle(job, status, failure=failure, losses=1).fate is Settled.WRITTEN
    record = kit.read(job.id)
    assert len(record.traceback_history) == 1
    assert record.losses == 1


def test_a_half_written_batch_can_be_repeated(kit: JobKit) -> None:
    jobs = [kit.started() for _ in range(4)]
    batch = [kit.ending(job, result=n) for n, job in enumerate(jobs)]
    kit.store.settle(batch[:2])
    assert [result.fate for result in kit.store.settle(batch)] == [Settled.WRITTEN] * 4
    assert [kit.read(job.id).result for job in jobs] == [0, 1, 2, 3]


def test_an_empty_batch_is_nothing(kit: JobKit) -> None:
    assert kit.store.settle([]) == []


def test_results_come_in_the_order_of_the_input(kit: JobKit) -> None:
    good, stolen, bad, gone = (kit.started() for _ in range(4))
    stolen.token = kit.store.new_id()
    kit.store.remove_queue(gone.queue)
    batch = [kit.ending(gone), kit.ending(good), kit.ending(bad, result=object()), kit.ending(stolen)]
    assert [result.fate for result in kit.store.settle(batch)] == [
        Settled.REFUSED, Settled.WRITTEN, Settled.UNSTORABLE, Settled.REFUSED,
    ]  # fmt: skip


@pytest.mark.parametrize(("concern", "journal"), [(None, None), (1, None), (1, True), ("majority", None), (0, None)])
def test_a_settlement_may_ask_for_another_write_concern(kit: JobKit, concern: Any, journal: Any) -> None:
    from support.waiting import wait_until

    job, other = kit.started(), kit.started()
    asked = replace(kit.ending(job, result=1), write_concern=concern, journal=journal)
    fates = [result.fate for result in kit.store.settle([asked, kit.ending(other)])]
    assert fates == [Settled.WRITTEN, Settled.WRITTEN]
    wait_until(lambda: kit.status(job.id) is Status.SUCCESS)  # w=0 is not acknowledged


# ---- what can't be stored


class Hollow(Mapping[str, Any]):
    """Has a key and no value for it."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("nothing in here")

    def __iter__(self) -> Iterator[str]:
        return iter(["key"])

    def __len__(self) -> int:
        return 1


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def unstorable() -> list[Any]:
    texts = [b"x" * (16 * MIB), "x" * (17 * MIB)]
    return [object(), 2**64, "\ud800", {"deep": [object()]}, {1: 2}, *texts, Hollow(), nested(172), nested(400)]


@pytest.mark.parametrize("which", range(10))
def test_an_unstorable_result_in_the_middle_of_a_batch_costs_only_itself(kit: JobKit, which: int) -> None:
    jobs = [kit.started() for _ in range(20)]
    batch = [kit.ending(job, result=n) for n, job in enumerate(jobs)]
    batch[9] = kit.ending(jobs[9], result=unstorable()[which])
    before = kit.read(jobs[9].id)
    results = kit.store.settle(batch)
    assert [n for n, result in enumerate(results) if result.fate is Settled.WRITTEN] == [*range(9), *range(10, 20)]
    assert results[9].fate is Settled.UNSTORABLE
    assert kit.read(jobs[9].id) == before
    assert [kit.read(jobs[n].id).result for n in (0, 8, 10, 19)] == [0, 8, 10, 19]


def test_the_reason_says_what_could_not_be_stored(kit: JobKit) -> None:
    job = kit.started()
    assert "its result['deep'][0] is a object" in (kit.settle(job, result={"deep": [object()]}).reason or "")
    assert "over MongoDB's limit" in (kit.settle(job, result="x" * (17 * MIB)).reason or "")
    assert "store it elsewhere" in (kit.settle(job, result="x" * (17 * MIB)).reason or "")


def test_a_result_may_be_as_deep_as_is_allowed(kit: JobKit) -> None:
    job = kit.started()
    assert kit.settle(job, result=nested(169)).fate is Settled.WRITTEN
    assert kit.read(job.id).result == nested(169)


@pytest.mark.parametrize(
    "concern", [{"write_concern": "nowhere"}, {"write_concern": []}, {"write_concern": 0, "journal": True}]
)
def test_a_write_concern_that_there_is_not_costs_only_its_own_jobs(mongo_kit: JobKit, concern: dict[str, Any]) -> None:
    jobs = [mongo_kit.started() for _ in range(4)]
    batch = [mongo_kit.ending(job, result=n) for n, job in enumerate(jobs)]
    batch[1], batch[2] = (replace(settlement, **concern) for settlement in batch[1:3])
    results = mongo_kit.store.settle(batch)
    assert [n for n, result in enumerate(results) if result.fate is Settled.WRITTEN] == [0, 3]
    assert [result.fate for result in results[1:3]] == [Settled.UNSTORABLE] * 2
    assert all(result.reason for result in results[1:3])


def test_a_command_that_is_refused_for_one_of_its_jobs_costs_only_that_one(
    mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mrq.stores.storable.DEEPEST", 1000)  # as if a server allowed less than we know of
    jobs = [mongo_kit.started() for _ in range(4)]
    batch = [mongo_kit.ending(job, result=nested(400) if n == 2 else n) for n, job in enumerate(jobs)]
    results = mongo_kit.store.settle(batch)
    assert [n for n, result in enumerate(results) if result.fate is Settled.WRITTEN] == [0, 1, 3]
    assert "MongoDB refused" in (results[2].reason or "")


def test_params_and_result_that_are_too_large_together_cost_only_themselves(kit: JobKit) -> None:
    jobs = [kit.started(params={"data": "x" * (9 * MIB)} if n == 9 else {}) for n in range(20)]
    batch = [kit.ending(job, result="y" * (9 * MIB) if n == 9 else n) for n, job in enumerate(jobs)]
    results = kit.store.settle(batch)
    assert [n for n, result in enumerate(results) if result.fate is Settled.WRITTEN] == [*range(9), *range(10, 20)]
    assert results[9].fate is Settled.UNSTORABLE
    assert "together with its params" in (results[9].reason or "")
    assert kit.status(jobs[9].id) is Status.STARTED
    assert kit.settle(jobs[9], Status.FAILED, failure=Failure("UnstorableResult", "why")).fate is Settled.WRITTEN


@pytest.mark.parametrize("field", ["exceptiontype", "traceback", "original_traceback"])
def test_a_failure_that_cannot_be_stored_costs_only_itself(kit: JobKit, field: str) -> None:
    texts = {"exceptiontype": "Error", "traceback": "text", "original_traceback": "text", field: "\ud800"}
    bad, good = kit.started(), kit.started()
    batch = [kit.ending(bad, Status.FAILED, failure=Failure(**texts)), kit.ending(good)]
    assert [result.fate for result in kit.store.settle(batch)] == [Settled.UNSTORABLE, Settled.WRITTEN]


def test_a_traceback_that_fills_half_a_document_costs_only_itself(kit: JobKit) -> None:
    bad, good = kit.started(), kit.started()  # it is stored twice: as the last one, and in the history
    batch = [kit.ending(bad, Status.FAILED, failure=Failure("Error", "x" * (9 * MIB))), kit.ending(good)]
    assert [result.fate for result in kit.store.settle(batch)] == [Settled.UNSTORABLE, Settled.WRITTEN]


# ---- back to the queue, for later


def test_a_job_can_go_back_to_its_queue_until_a_time(kit: JobKit) -> None:
    job = kit.started(queue="q")
    kit.settle(job, Status.QUEUED, due=at(100), datequeued=at(100), at=at(60))
    record = kit.read(job.id)
    assert (record.status, record.due, record.datequeued, record.retry_count) == (Status.QUEUED, at(100), at(100), 0)
    assert kit.claim("q", now=99) == []
    (again,) = kit.claim("q", now=100)
    assert again.id == job.id
    assert not again.has_slot


def test_a_job_that_goes_back_for_its_turn_says_so_when_it_is_claimed_again(kit: JobKit) -> None:
    job = kit.started(queue="q")
    assert not job.has_slot
    kit.settle(job, Status.QUEUED, due=at(100), datequeued=at(100), has_slot=True)
    assert kit.read(job.id).document["rateslot"] is True
    token = kit.store.new_id()
    (again,) = kit.claim("q", now=100, token=token)
    assert again.has_slot
    (same,) = kit.store.claimed_under(kit.worker, token)
    assert same.has_slot


@pytest.mark.parametrize("has_slot", [False, True])
def test_a_job_that_goes_back_unclaimed_is_as_it_was(kit: JobKit, has_slot: bool) -> None:
    job = kit.started(queue="q")
    kit.settle(job, Status.QUEUED, due=at(100), datequeued=at(100), has_slot=has_slot)
    told = ("status", "queue", "datequeued", "datedue" if has_slot else "status", "rateslot", "attempts", "losses")
    before = kit.read(job.id).document
    (claimed,) = kit.claim("q", now=100)
    assert claimed.has_slot == has_slot
    kit.store.settle([Settlement(claimed.id, claimed.token, unclaimed(claimed, at(110)))])
    after = kit.read(job.id).document
    assert {name: after.get(name) for name in told} == {name: before.get(name) for name in told}
    (again,) = kit.claim("q", now=120)
    assert again.has_slot == has_slot


def test_a_job_that_goes_back_at_once_forgets_its_due_time_and_its_turn(kit: JobKit) -> None:
    job = kit.started(queue="q")
    kit.settle(job, Status.QUEUED, due=at(100), datequeued=at(100), has_slot=True)
    (again,) = kit.claim("q", now=100)
    kit.settle(again, Status.QUEUED, at=at(110))
    assert not {"datedue", "rateslot"} & set(kit.read(job.id).document)


def test_a_retried_job_stands_in_line_anew(kit: JobKit) -> None:
    job = kit.started(queue="q")
    kit.settle(job, Status.QUEUED, due=at(100), datequeued=at(100), has_slot=True)
    (again,) = kit.claim("q", now=100)
    kit.settle(again, Status.RETRY, dateretry=at(120), failure=Failure("E", "t"))
    assert kit.store.bring_back(at(130), 10) == {"q": 1}
    assert "rateslot" not in kit.read(job.id).document


def test_a_job_that_was_sent_back_can_be_settled_again_after_a_lost_answer(kit: JobKit) -> None:
    job = kit.started(queue="q")
    ending = kit.ending(job, Status.QUEUED, due=at(100), datequeued=at(100), has_slot=True)
    assert [kit.store.settle([ending])[0].fate for _ in range(2)] == [Settled.WRITTEN, Settled.WRITTEN]
