"""Rescuer and Heartbeat: the jobs of the dead come back, once each, and nobody alive is robbed."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.change import JobChange, Settlement
from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Outcome
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.engine.heartbeat import SELDOM, Heartbeat
from mrq.engine.options import WorkerOptions
from mrq.engine.rescue import BATCH, Rescuer
from mrq.engine.run import Run
from mrq.engine.state import WorkerState
from mrq.engine.threads import ThreadRuntime
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.guard import NoGuard
from mrq.stores.ids import new_id
from mrq.stores.memory import MemoryWorkerStore
from unit.engine.kit import NOW, ManualClock, Moody, new_job, start, statuses

if TYPE_CHECKING:
    from mrq.domain.job import ClaimedJob


class Site:
    """Workers that beat or don't, and one rescuer."""

    def __init__(self, store: Moody, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.workers = MemoryWorkerStore(clock.now)
        self.returned: list[str] = []
        self.rescuer = self.make_rescuer()
        self.me = self.worker()

    def make_rescuer(self) -> Rescuer:
        return Rescuer(
            self.store,
            self.workers,
            self.clock,
            3.0,
            3,
            1000.0,
            returned=self.returned.extend,  # type: ignore[arg-type]
        )

    def worker(self) -> Any:
        worker = new_id()
        self.workers.register(WorkerRecord(worker, "w", NOW, lease=15.0))
        return worker

    def turn(self, *alive: Any, seconds: float = 3.0) -> int:
        """A few seconds pass, the living beat, the rescuer looks."""
        self.clock.pass_by(seconds)
        for worker in alive:
            self.workers.beat(worker)
        now = self.workers.beat(self.me)
        assert now is not None
        self.rescuer.beaten(self.clock.monotonic())
        return self.rescuer.round(self.me, now)


@pytest.fixture
def site(store: Moody, clock: ManualClock) -> Site:
    return Site(store, clock)


def test_jobs_of_a_worker_that_stopped_beating_come_back_after_its_lease(site: Site) -> None:
    dead, alive = site.worker(), site.worker()
    lost = start(site.store, *(new_job(queue="a") for _ in range(3)), worker=dead)
    kept = start(site.store, new_job(queue="b"), worker=alive)
    turns = [site.turn(alive) for _ in range(7)]
    assert sum(turns) == 3
    assert turns.index(3) >= 5  # not before the lease is over
    assert statuses(site.store, [job.id for job in lost]) == ["queued"] * 3
    assert statuses(site.store, [job.id for job in kept]) == ["started"]
    assert [site.store.fetch(job.id).losses for job in lost] == [1, 1, 1]
    assert site.returned == ["a"]
    assert site.workers.gone([dead, alive]) == {dead}


def test_the_rescuer_does_not_rescue_from_itself(site: Site) -> None:
    start(site.store, new_job(), worker=site.me)
    assert sum(site.turn() for _ in range(20)) == 0


def test_after_an_outage_nobody_is_dead(site: Site) -> None:
    other = site.worker()
    start(site.store, new_job(), worker=other)
    site.turn(other)
    site.turn()
    site.clock.pass_by(60)  # nobody could beat
    site.rescuer.judge.own_beat_failed()
    assert sum(site.turn() for _ in range(4)) == 0
    assert site.workers.gone([other]) == set()


def test_jobs_of_a_worker_without_a_document_come_back_at_once(site: Site) -> None:
    start(site.store, new_job(), worker=new_id())
    assert site.turn() == 1


def test_jobs_of_a_worker_that_left_come_back(site: Site) -> None:
    left = site.worker()
    start(site.store, new_job(), worker=left)
    site.workers.stop(left, {})
    assert site.turn() == 1


def test_more_jobs_than_a_batch_all_come_back(site: Site) -> None:
    start(site.store, *(new_job() for _ in range(BATCH + 20)), worker=new_id())
    assert site.turn() == BATCH + 20


def test_a_worker_that_beats_again_just_in_time_is_left_alone(site: Site) -> None:
    other = site.worker()
    start(site.store, new_job(), worker=other)
    for _ in range(5):
        assert site.turn() == 0
    assert sum(site.turn(other) for _ in range(10)) == 0


def test_two_rescuers_at_once_lose_nothing_and_double_nothing(site: Site) -> None:
    dead = new_id()
    jobs = start(site.store, *(new_job() for _ in range(300)), worker=dead)
    rescuers = [site.make_rescuer() for _ in range(4)]
    barrier = threading.Barrier(4)

    def rescue(rescuer: Rescuer) -> None:
        barrier.wait(10)
        rescuer.release(dead)

    threads = [threading.Thread(target=rescue, args=[rescuer]) for rescuer in rescuers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    records = [site.store.fetch(job.id) for job in jobs]
    assert {record.status for record in records} == {Status.QUEUED}
    assert {record.losses for record in records} == {1}
    assert site.store.started_by(dead, 10) == []


def test_an_outage_in_the_middle_of_a_rescue_is_made_up_for(site: Site) -> None:
    jobs = start(site.store, *(new_job() for _ in range(5)), worker=new_id())
    site.store.lose.add("settle")
    with pytest.raises(StoreUnavailableError):
        site.turn()
    site.turn()
    assert [site.store.fetch(job.id).losses for job in jobs] == [1] * 5


def test_jobs_that_were_not_running_lose_nothing(site: Site) -> None:
    dead = new_id()
    running, waiting = start(site.store, new_job(), new_job(), worker=dead)
    assert site.rescuer.release(dead, running={running.id}) == 2
    assert [site.store.fetch(job.id).losses for job in (running, waiting)] == [1, 0]


def killed(site: Site, job: ClaimedJob | None, *, alone: bool) -> ClaimedJob | None:
    """A worker takes the job, and dies of it."""
    from mrq.domain.queuename import parse_queue
    from mrq.ports.jobs import Claim

    dead = new_id()
    found = site.store.claim(Claim(parse_queue("default"), 1, dead, new_id(), site.clock.now()))
    if not found:
        return None
    if alone:
        assert site.store.mark_alone(found[0].id, found[0].token)
    assert site.turn() == 1
    return found[0]  # type: ignore[no-any-return]


def test_a_job_that_kills_its_workers_ends_as_worker_lost_but_only_when_alone(site: Site) -> None:
    job = new_job()
    site.store.insert([job])
    for _ in range(5):
        assert killed(site, None, alone=False)
    assert site.store.fetch(job.id).losses == 5
    for losses_alone in (1, 2):
        assert killed(site, None, alone=True)
        assert site.store.fetch(job.id).losses_alone == losses_alone
    assert killed(site, None, alone=True)
    record = site.store.fetch(job.id)
    assert (record.status, record.exceptiontype) == (Status.FAILED, "WorkerLost")
    assert (record.losses, record.losses_alone) == (8, 3)
    assert killed(site, None, alone=False) is None


# ---- the heartbeat


class Beating:
    def __init__(self, site: Site) -> None:
        self.site, self.told = site, list[str]()
        options = WorkerOptions(heartbeat_interval=3.0, lease=15.0)
        self.state = WorkerState(site.me, 10, 100, ThreadRuntime().event())
        self.heartbeat = Heartbeat(
            site.store, self.workers, site.rescuer, self.state, site.clock, NoGuard(), options,  # type: ignore[arg-type]
            lost=lambda: self.told.append("lost"), overdue=lambda: self.told.append("overdue"),
            told=lambda: self.told.append("told"),
            last=site.clock.monotonic(),
        )  # fmt: skip

    @property
    def workers(self) -> MemoryWorkerStore:
        return self.site.workers

    def beat(self, times: int = 1) -> None:
        for _ in range(times):
            self.heartbeat.loop(Once(self.site.clock))  # type: ignore[arg-type]
            with contextlib.suppress(StoreUnavailableError):
                self.heartbeat.look()


class Once:
    """Stops a loop after its first turn; the wait takes its time."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock

    def wait(self, seconds: float) -> bool:
        self.clock.pass_by(seconds)
        return True


@pytest.fixture
def beating(site: Site) -> Beating:
    return Beating(site)


def test_orphans_are_handed_back_and_lose_nothing(beating: Beating) -> None:
    held, orphan = start(beating.site.store, new_job(), new_job(), worker=beating.site.me)
    beating.state.hold([Run(held, TaskOptions())])
    beating.beat()
    assert statuses(beating.site.store, [held.id, orphan.id]) == ["started", "queued"]
    assert beating.site.store.fetch(orphan.id).losses == 0


def test_jobs_of_a_claim_whose_answer_is_awaited_are_no_orphans(beating: Beating) -> None:
    (job,) = start(beating.site.store, new_job(), worker=beating.site.me)
    assert job.token is not None
    beating.state.open_claims.add(job.token)
    beating.beat()
    assert statuses(beating.site.store, [job.id]) == ["started"]


def test_a_job_held_under_an_older_claim_is_an_orphan(beating: Beating) -> None:
    (job,) = start(beating.site.store, new_job(), worker=beating.site.me)
    beating.state.hold([Run(replace(job, token=new_id()), TaskOptions())])
    beating.beat()
    assert statuses(beating.site.store, [job.id]) == ["queued"]


def test_a_job_whose_end_is_not_written_yet_is_no_orphan(beating: Beating) -> None:
    (job,) = start(beating.site.store, new_job(), worker=beating.site.me)
    run = Run(job, TaskOptions())
    beating.state.hold([run])
    run.decide(Outcome(Status.SUCCESS))
    beating.state.left_fiber(run)
    beating.beat()
    assert statuses(beating.site.store, [job.id]) == ["started"]


def test_a_job_that_ends_while_the_database_answers_is_no_orphan(
    beating: Beating, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = beating.site.store
    ended, orphan = start(store, new_job(), new_job(), worker=beating.site.me)

    def slowly(*_: Any) -> list[ClaimedJob]:
        monkeypatch.undo()
        store.settle([Settlement(ended.id, ended.token, JobChange(Status.SUCCESS, NOW, None))])
        return [ended, orphan]

    monkeypatch.setattr(store.store, "started_by", slowly)
    beating.beat()
    assert statuses(store, [ended.id, orphan.id]) == ["success", "queued"]
    assert "handed back 1 job, started in this worker's name" in caplog.text


def test_an_idle_worker_asks_seldom_in_whose_names_jobs_are_started(beating: Beating) -> None:
    beating.site.store.calls.clear()
    beating.beat(2 * SELDOM)
    assert beating.site.store.calls.count("workers_of_started") == 2
    beating.state.hold(
        [Run(job, TaskOptions()) for job in start(beating.site.store, new_job(), worker=beating.site.me)]
    )
    beating.beat(2)
    assert beating.site.store.calls.count("workers_of_started") == 4


def test_an_idle_worker_takes_the_jobs_of_who_is_found_dead_at_once(beating: Beating) -> None:
    site = beating.site
    dead = site.worker()
    (job,) = start(site.store, new_job(), worker=dead)
    for _ in range(20):
        beating.beat()
        if site.workers.fetch(dead)["status"] == "lost":  # type: ignore[index]
            break
    assert statuses(site.store, [job.id]) == ["queued"]


def test_a_worker_that_was_marked_lost_is_told(beating: Beating) -> None:
    document = beating.workers.fetch(beating.site.me)
    assert document is not None
    beating.workers.mark_lost(beating.site.me, document["beat"])
    beating.beat()
    assert beating.told == ["lost"]


def test_a_lease_that_cannot_be_renewed_is_told_before_it_is_over(
    beating: Beating, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(beating.workers, "beat", away)
    beating.beat(5)
    assert beating.told == []
    beating.beat()
    assert beating.told == ["overdue"]


def test_the_lease_is_fresh_only_while_beats_are_written(beating: Beating, monkeypatch: pytest.MonkeyPatch) -> None:
    beating.beat()
    assert beating.heartbeat.fresh()
    beating.site.clock.pass_by(5)
    assert not beating.heartbeat.fresh()
    beating.state.kick.clear()
    beating.beat()
    assert beating.state.kick.is_set()  # claims have been waiting
    assert beating.heartbeat.fresh()
