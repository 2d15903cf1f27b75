"""JobStore: what a job keeps of its earlier runs when it runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.kit import at
from mrq.domain.status import Status

if TYPE_CHECKING:
    from contract.kit import JobKit


def test_the_result_of_an_earlier_run_does_not_pass_for_that_of_a_later_one(kit: JobKit) -> None:
    job = kit.started()
    kit.settle(job, result="first")
    assert kit.store.move(job.id, Status.QUEUED, at(1), {"datequeued": at(1)})
    assert kit.read(job.id).result == "first", "until it runs again, there is no other"
    (again,) = kit.claim(job.queue, now=2)
    kit.settle(again)
    assert kit.read(job.id).result is None
    assert "result" not in kit.read(job.id).document


def test_who_requeues_a_job_gives_it_a_fresh_start(kit: JobKit) -> None:
    job = kit.started()
    kit.settle(job, Status.FAILED, losses=5, losses_alone=3)
    assert kit.store.move(job.id, Status.QUEUED, at(1), {"datequeued": at(1)})
    (again,) = kit.claim(job.queue, now=2)
    assert (again.losses, again.losses_alone) == (0, 0)


def test_a_job_that_comes_back_by_itself_keeps_count_of_its_losses(kit: JobKit) -> None:
    job = kit.started()
    kit.settle(job, Status.RETRY, dateretry=at(1), losses=2)
    kit.store.bring_back(at(1), 10)
    (again,) = kit.claim(job.queue, now=2)
    assert again.losses == 2
