"""JobStore: many at once. No job is given to two, none is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from contract.kit import at
from mrq.domain.status import Status
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from contract.kit import JobKit

THREADS = 4
JOBS = 500


def together(*functions: Callable[[], None]) -> None:
    """Run functions at the same time, each in a thread; raise what one of them raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(functions))

    def run(function: Callable[[], None]) -> None:
        try:
            start.wait(10)
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


def test_two_claims_never_give_the_same_job(kit: JobKit) -> None:
    kit.store.insert([kit.new({"n": n}) for n in range(JOBS)])
    taken: list[int] = []

    def work() -> None:
        worker = kit.store.new_id()
        while kit.store.count("default", frozenset({Status.QUEUED})):
            jobs = kit.claim(limit=7, worker=worker)
            taken.extend(job.params["n"] for job in jobs)
            results = kit.store.settle([kit.ending(job, worker=worker) for job in jobs])
            assert all(result.fate is Settled.WRITTEN for result in results)

    together(*[work] * THREADS)
    assert sorted(taken) == list(range(JOBS))
    assert kit.store.count("default", frozenset({Status.SUCCESS})) == JOBS


def test_two_settlements_of_one_claim_end_it_once(kit: JobKit) -> None:
    for _ in range(30):
        job = kit.started()
        fates = {}

        def settle(status: Status, job=job, fates=fates) -> None:  # type: ignore[no-untyped-def]
            fates[status] = kit.settle(job, status).fate

        together(lambda: settle(Status.SUCCESS), lambda: settle(Status.QUEUED))
        assert sorted(fate.value for fate in fates.values()) == ["refused", "written"]
        assert fates[kit.status(job.id)] is Settled.WRITTEN


def test_jobs_that_come_back_under_two_hands_come_back_once(kit: JobKit) -> None:
    jobs = [kit.ended(Status.RETRY, dateretry=at(1), queue="q") for _ in range(100)]

    def bring_back() -> None:
        while kit.store.bring_back(at(2), 7):
            pass

    together(*[bring_back] * THREADS)
    assert {job.id for job in kit.claim("q", limit=1000, now=3)} == {job.id for job in jobs}
