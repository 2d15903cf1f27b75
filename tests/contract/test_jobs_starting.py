"""JobStore: one job started by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.kit import at
from contract.test_jobs_racing import together
from mrq.domain.status import Status
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from contract.kit import JobKit

NOT = {Status.STARTED, Status.CANCEL, Status.ABORT, Status.MAXRETRIES}


@pytest.mark.parametrize("status", list(Status))
def test_a_job_is_started_wherever_it_stands_unless_it_is_not_to_run(kit: JobKit, status: Status) -> None:
    job, worker, token = kit.in_status(status), kit.store.new_id(), kit.store.new_id()
    before = kit.read(job)
    claimed = kit.store.start(job, worker, token, at(70))
    if status in NOT:
        assert claimed is None
        assert kit.read(job) == before
        return
    assert claimed is not None
    assert (claimed.id, claimed.token, claimed.datestarted, claimed.path) == (job, token, at(70), before.path)
    record = kit.read(job)
    assert (record.status, record.worker, record.token, record.datestarted) == (Status.STARTED, worker, token, at(70))
    assert (record.dateexpires, record.dateretry, record.result) == (None, None, None)
    assert kit.settle(claimed).fate is Settled.WRITTEN


def test_a_job_that_is_due_later_is_started(kit: JobKit) -> None:
    job = kit.queue(due=1000)
    assert kit.store.start(job, kit.worker, kit.store.new_id(), at(1)) is not None


def test_a_job_that_is_not_there_is_not_started(kit: JobKit) -> None:
    assert kit.store.start(kit.store.new_id(), kit.worker, kit.store.new_id(), at(1)) is None


def test_asked_again_under_the_same_token_it_gives_the_same_answer(kit: JobKit) -> None:
    job, token = kit.queue(), kit.store.new_id()
    first = kit.store.start(job, kit.worker, token, at(1))
    assert first is not None
    assert kit.store.start(job, kit.worker, token, at(1)) == first
    assert kit.store.start(job, kit.worker, kit.store.new_id(), at(1)) is None


def test_of_many_who_start_a_job_one_gets_it(kit: JobKit) -> None:
    job = kit.queue()
    got = []
    together(*[lambda: got.append(kit.store.start(job, kit.worker, kit.store.new_id(), at(1)))] * 6)
    assert sum(claimed is not None for claimed in got) == 1
