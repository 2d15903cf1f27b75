"""JobStore: which jobs a claim takes, in which order, and what is written about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bson
from bson.datetime_ms import DatetimeMS
from pymongo.collection import Collection

from contract.kit import NOW, TASK, at
from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.status import Status
from mrq.ports.jobs import Settled
from mrq.stores.documents import document_of

if TYPE_CHECKING:
    import pytest

    from contract.kit import JobKit
    from mrq.domain.ids import JobId


def test_jobs_leave_in_the_order_of_their_place_then_of_their_id(kit: JobKit) -> None:
    early, late, middle_one, middle_two = (
        kit.new(placed=-10), kit.new(placed=-1), kit.new(placed=-5), kit.new(placed=-5),
    )  # fmt: skip
    kit.store.insert([late, middle_two, early, middle_one])
    assert [job.id for job in kit.claim()] == [early.id, middle_one.id, middle_two.id, late.id]


def test_a_reverse_queue_leaves_from_the_other_end(kit: JobKit) -> None:
    jobs = [kit.new(placed=-10), kit.new(placed=-5), kit.new(placed=-5), kit.new(placed=-1)]
    kit.store.insert(jobs)
    assert [job.id for job in kit.claim("default_reverse")] == [job.id for job in reversed(jobs)]


def test_no_more_than_the_limit_are_taken(kit: JobKit) -> None:
    jobs = [kit.new(placed=n - 10) for n in range(5)]
    kit.store.insert(jobs)
    assert [job.id for job in kit.claim(limit=2)] == [job.id for job in jobs[:2]]
    assert [job.id for job in kit.claim(limit=2)] == [job.id for job in jobs[2:4]]
    assert kit.store.count("default", frozenset({Status.QUEUED})) == 1


def test_a_limit_of_nothing_takes_nothing(kit: JobKit) -> None:
    kit.queue()
    assert kit.claim(limit=0) == []


def test_an_empty_queue_gives_nothing(kit: JobKit) -> None:
    kit.queue(queue="other")
    assert kit.claim() == []


def test_a_queue_does_not_give_the_jobs_of_its_subqueues(kit: JobKit) -> None:
    kit.queue(queue="default/sub")
    assert kit.claim("default") == []
    assert len(kit.claim("default/sub")) == 1


def test_a_root_gives_the_jobs_of_its_subqueues_by_name_and_then_by_place(kit: JobKit) -> None:
    named = ["m/b", "m/a", "m/a/x", "m/b", "m/"]
    jobs = {kit.queue(queue=queue, placed=-n): queue for n, queue in enumerate(named)}
    for queue in ("m", "m0", "n/a"):
        kit.queue(queue=queue)
    found = kit.claim("m/")
    assert [job.queue for job in found] == ["m/", "m/a", "m/a/x", "m/b", "m/b"]
    assert [jobs[job.id] for job in found] == [job.queue for job in found]
    assert [job.datequeued for job in found][3:] == [at(-3), at(0)]


def test_a_reverse_root_gives_them_from_the_other_end(kit: JobKit) -> None:
    for n, queue in enumerate(["m/b", "m/a", "m/b"]):
        kit.queue(queue=queue, placed=-n)
    found = kit.claim("m/_reverse")
    assert [(job.queue, job.datequeued) for job in found] == [("m/b", at(0)), ("m/b", at(-2)), ("m/a", at(-1))]


def test_a_claim_of_a_root_can_start_behind_a_subqueue(kit: JobKit) -> None:
    for name in ("a", "b", "c"):
        kit.queue(queue=f"m/{name}")
        kit.queue(queue=f"r/{name}")
    assert [job.queue for job in kit.claim("m/", after="m/b")] == ["m/c"]
    assert [job.queue for job in kit.claim("r/_reverse", after="r/b")] == ["r/a"]


def test_a_claim_of_a_root_leaves_out_paused_subqueues(kit: JobKit) -> None:
    for name in ("a", "b", "c"):
        kit.queue(queue=f"m/{name}")
    assert [job.queue for job in kit.claim("m/", paused={"m/b", "other"})] == ["m/a", "m/c"]
    assert [job.queue for job in kit.claim("m/", paused={"m/a"}, after="m/a")] == ["m/b"]


def test_delayed_jobs_of_subqueues_wait_as_well(kit: JobKit) -> None:
    kit.queue(queue="m/a", due=30)
    kit.queue(queue="m/b")
    assert [job.queue for job in kit.claim("m/")] == ["m/b"]
    assert [job.queue for job in kit.claim("m/", now=30)] == ["m/a"]


def test_a_delayed_job_is_taken_from_its_due_time_on_and_not_before(kit: JobKit) -> None:
    job_id = kit.queue(due=30)
    assert kit.claim(now=29.999) == []
    assert [job.id for job in kit.claim(now=30)] == [job_id]


def test_delayed_jobs_do_not_hold_up_those_behind_them(kit: JobKit) -> None:
    for seconds in (10, 100, 1000, 100_000):
        kit.queue(due=seconds)
    ready = kit.queue(placed=20)  # a producer whose clock is ahead
    assert [job.id for job in kit.claim()] == [ready]


def test_a_due_job_takes_its_place_by_its_due_time(kit: JobKit) -> None:
    delayed = kit.queue(due=-5)
    before, after = kit.queue(placed=-6), kit.queue(placed=-4)
    assert [job.id for job in kit.claim()] == [before, delayed, after]


def test_a_white_list_lets_only_its_tasks_through(kit: JobKit) -> None:
    wanted, _, also = (kit.queue(path=path, placed=n) for n, path in enumerate(["a.A", "b.B", "c.C"]))
    assert [job.id for job in kit.claim(only={"a.A", "c.C"})] == [wanted, also]


def test_a_black_list_holds_its_tasks_back(kit: JobKit) -> None:
    wanted, _, also = (kit.queue(path=path, placed=n) for n, path in enumerate(["a.A", "b.B", "c.C"]))
    assert [job.id for job in kit.claim(never={"b.B"})] == [wanted, also]


def test_a_task_on_both_lists_is_held_back(kit: JobKit) -> None:
    wanted, *_ = (kit.queue(path=path) for path in ("a.A", "b.B", "c.C"))
    assert [job.id for job in kit.claim(only={"a.A", "b.B"}, never={"b.B"})] == [wanted]


def test_having_run_alone_once_says_nothing_about_the_next_run(kit: JobKit) -> None:
    job_id = kit.store.new_id()
    document = {"_id": job_id, "path": TASK, "params": {}, "queue": "default", "datequeued": NOW}
    kit.put({**document, "status": Status.QUEUED.value, "alone": True})
    (job,) = kit.claim()
    assert not job.alone
    assert "alone" not in kit.read(job_id).document


def test_what_python_can_not_read_is_claimed_as_far_as_it_can_be_read(kit: JobKit) -> None:
    far = DatetimeMS(10**16)  # after the year 9999, as other languages may write it
    job_id = kit.queue(params={"when": far, "number": 1})
    behind = kit.queue(placed=1)
    first, second = kit.claim()
    assert (first.id, second.id) == (job_id, behind)
    assert first.params == {"when": far, "number": 1}
    assert kit.read(job_id).params["when"] == far
    assert kit.settle(first, result=first.params["when"]).fate is Settled.WRITTEN
    assert kit.read(job_id).result == far


def test_text_that_is_no_text_is_claimed_too(mongo_kit: JobKit) -> None:
    from bson.raw_bson import RawBSONDocument

    broken = bson.encode(document_of(mongo_kit.new({"text": "caf\u00e9"}))).replace(b"\xc3\xa9", b"\xe9\xe9")
    mongo_kit.put(RawBSONDocument(broken))  # type: ignore[arg-type]
    (job,) = mongo_kit.claim()
    assert job.params["text"].startswith("caf")


def test_a_claimed_job_carries_what_is_needed_to_run_and_settle_it(kit: JobKit) -> None:
    job_id, token = kit.queue(params={"n": 1}, queue="crawl", placed=-2), kit.store.new_id()
    (job,) = kit.claim("crawl", now=1, token=token)
    assert (job.id, job.token, job.path, job.params, job.queue) == (job_id, token, TASK, {"n": 1}, "crawl")
    assert (job.datequeued, job.datestarted) == (at(-2), at(1))
    assert (job.retry_count, job.losses, job.losses_alone, job.alone) == (0, 0, 0, False)


def test_a_claim_names_worker_token_and_time(kit: JobKit) -> None:
    job_id, token = kit.queue(), kit.store.new_id()
    kit.claim(now=1, token=token)
    record = kit.read(job_id)
    assert (record.status, record.worker, record.token, record.datestarted) == (
        Status.STARTED, kit.worker, token, at(1),
    )  # fmt: skip


def test_a_started_job_is_not_claimed_again(kit: JobKit) -> None:
    kit.queue()
    assert len(kit.claim()) == 1
    assert kit.claim(worker=kit.store.new_id()) == []


def test_a_claim_takes_away_what_an_earlier_run_left(kit: JobKit) -> None:
    job = kit.ended(Status.RETRY, expires=at(100), dateretry=at(70))
    kit.store.bring_back(at(70), 10)
    (again,) = kit.claim(job.queue, now=70)
    assert kit.store.mark_alone(again.id, again.token)
    kit.settle(again, Status.QUEUED, losses=2)
    (third,) = kit.claim(job.queue, now=71)
    record = kit.read(job.id)
    assert (record.dateexpires, record.dateretry) == (None, None)
    assert "alone" not in record.document
    assert (third.losses, third.alone) == (2, False)


def test_a_claim_whose_answer_was_lost_can_be_asked_for_again(kit: JobKit) -> None:
    jobs = [kit.new({"n": n}, placed=n) for n in range(3)]
    kit.store.insert(jobs)
    token = kit.store.new_id()
    lost = kit.claim(limit=2, token=token)
    other = kit.claim(limit=1)
    assert kit.store.claimed_under(kit.worker, token) == lost
    assert [job.params for job in lost] == [{"n": 0}, {"n": 1}]
    assert [job.id for job in other] == [jobs[2].id]


def test_nothing_is_claimed_under_a_claim_that_never_arrived(kit: JobKit) -> None:
    kit.queue()
    assert kit.store.claimed_under(kit.worker, kit.store.new_id()) == []


def test_jobs_that_ended_since_are_no_longer_under_their_claim(kit: JobKit) -> None:
    job = kit.ended()
    assert kit.store.claimed_under(kit.worker, job.token) == []


def test_a_claim_belongs_to_its_worker(kit: JobKit) -> None:
    job = kit.started()
    assert kit.store.claimed_under(kit.store.new_id(), job.token) == []


def test_the_jobs_that_a_worker_holds_are_found(kit: JobKit) -> None:
    held = {kit.started().id for _ in range(3)}
    kit.ended()
    kit.queue()
    other = kit.store.new_id()
    kit.queue(queue="others")
    kit.claim("others", worker=other)
    assert {job.id for job in kit.store.started_by(kit.worker, 100)} == held
    assert len(kit.store.started_by(kit.worker, 2)) == 2
    assert kit.store.started_by(kit.store.new_id(), 100) == []


def test_held_jobs_are_found_with_their_token_and_losses(kit: JobKit) -> None:
    job = kit.started()
    kit.settle(job, Status.QUEUED, losses=2, losses_alone=1)
    (again,) = kit.claim(job.queue)
    assert kit.store.mark_alone(again.id, again.token)
    (held,) = kit.store.started_by(kit.worker, 10)
    assert (held.token, held.losses, held.losses_alone, held.alone) == (again.token, 2, 1, True)


def test_the_holders_of_started_jobs_are_known(kit: JobKit) -> None:
    assert kit.store.workers_of_started() == set()
    kit.started()
    kit.started()
    kit.queue(queue="others")
    other = kit.store.new_id()
    kit.claim("others", worker=other)
    kit.queue()
    assert kit.store.workers_of_started() == {kit.worker, other}


def test_a_worker_whose_jobs_have_ended_holds_none(kit: JobKit) -> None:
    kit.ended()
    assert kit.store.workers_of_started() == set()


def test_a_job_is_marked_to_run_alone_only_under_its_claim(kit: JobKit) -> None:
    job = kit.started()
    assert not kit.store.mark_alone(job.id, kit.store.new_id())
    assert not kit.read(job.id).document.get("alone")
    assert kit.store.mark_alone(job.id, job.token)
    assert kit.store.mark_alone(job.id, job.token)
    assert kit.read(job.id).document["alone"] is True
    kit.settle(job)
    assert not kit.store.mark_alone(job.id, job.token)


def test_a_job_queued_by_mrq_0_9_can_be_claimed(kit: JobKit) -> None:
    job_id = kit.store.new_id()
    kit.put(
        {
            "_id": job_id,
            "path": "old.Task",
            "params": {"a": 1},
            "queue": "default",
            "datequeued": NOW,
            "status": Status.QUEUED.value,
            "retry_count": 2,
        }
    )
    (job,) = kit.claim()
    assert (job.id, job.path, job.params, job.retry_count, job.losses) == (job_id, "old.Task", {"a": 1}, 2, 0)
    assert kit.settle(job).fate is Settled.WRITTEN


def test_a_job_started_by_mrq_0_9_can_be_rescued(kit: JobKit) -> None:
    job_id, worker = kit.store.new_id(), kit.store.new_id()
    kit.put(
        {
            "_id": job_id,
            "path": "old.Task",
            "params": {},
            "queue": "default",
            "datequeued": NOW,
            "datestarted": NOW,
            "status": Status.STARTED.value,
            "worker": worker,
        }
    )
    assert kit.store.workers_of_started() == {worker}
    (job,) = kit.store.started_by(worker, 10)
    assert (job.id, job.token, job.losses) == (job_id, None, 0)
    assert kit.settle(job, Status.QUEUED, losses=1).fate is Settled.WRITTEN
    (again,) = kit.claim()
    assert (again.id, again.losses) == (job_id, 1)
    assert kit.settle(job, Status.FAILED).fate is Settled.REFUSED


def test_whether_a_claim_would_take_anything_is_answered_without_taking_it(kit: JobKit) -> None:
    job = kit.queue(path="tasks.Slow")
    kit.queue(due=50)
    assert kit.waits()
    assert kit.waits(only={"tasks.Slow"})
    assert not kit.waits(never={"tasks.Slow"})
    assert kit.waits(never={"tasks.Slow"}, now=60)
    assert not kit.waits("other")
    assert kit.status(job) is Status.QUEUED
    kit.claim(now=60)
    assert not kit.waits(now=60)


def test_whether_a_claim_of_a_root_would_take_anything(kit: JobKit) -> None:
    kit.queue(queue="m/a")
    assert kit.waits("m/")
    assert not kit.waits("m/", paused={"m/a"})


def test_who_found_too_little_looks_once_the_next_time(mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    real = Collection.find_raw_batches

    def find(*args: Any, **about: Any) -> Any:
        looks.append(about["limit"])
        return real(*args, **about)

    def looks_of_a_claim(jobs: int) -> int:
        before = len(looks)
        assert len(mongo_kit.claim()) == jobs
        return len(looks) - before

    monkeypatch.setattr(Collection, "find_raw_batches", find)
    assert [looks_of_a_claim(0) for _ in range(3)] == [2, 1, 1]
    for _ in range(25):
        mongo_kit.queue()
    assert [looks_of_a_claim(jobs) for jobs in (10, 10, 5, 0)] == [1, 1, 2, 1]


def test_one_job_is_claimed_in_one_round_trip(mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch) -> None:
    first = mongo_kit.queue()
    mongo_kit.queue()
    sent: list[str] = []
    for name in ("find_raw_batches", "update_many", "find", "find_one_and_update"):
        real = getattr(Collection, name)

        def call(*args: Any, name: str = name, real: Any = real, **about: Any) -> Any:
            sent.append(name)
            return real(*args, **about)

        monkeypatch.setattr(Collection, name, call)
    (claimed,) = mongo_kit.claim(limit=1)
    assert claimed.id == first
    assert sent == ["find_one_and_update"]


def overrun(kit: JobKit, times: int) -> JobId:
    """A job that bursts have cut short so often, and that waits again."""
    job = kit.started()
    kit.settle(job, Status.QUEUED, overruns=times, queue="default", datequeued=at(-100))
    return job.id


def test_a_burst_leaves_jobs_that_such_have_cut_short_too_often_where_they_are(kit: JobKit) -> None:
    left, once = overrun(kit, MOST_OVERRUNS), overrun(kit, MOST_OVERRUNS - 1)
    fresh = kit.queue()
    claimed = kit.claim(for_burst=True)
    assert [(job.id, job.overruns) for job in claimed] == [(once, MOST_OVERRUNS - 1), (fresh, 0)]
    assert not kit.waits(for_burst=True)
    assert kit.waits()
    assert [(job.id, job.overruns) for job in kit.claim()] == [(left, MOST_OVERRUNS)], "by a container"


def test_who_requeues_a_job_by_hand_lets_bursts_try_again(kit: JobKit) -> None:
    job = overrun(kit, MOST_OVERRUNS)
    assert kit.store.move(job, Status.CANCEL, at(1), {})
    assert kit.store.move(job, Status.QUEUED, at(2), {})
    assert kit.read(job).overruns == 0
    assert [job.id for job in kit.claim(for_burst=True)] == [job]
