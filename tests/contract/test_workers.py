"""WorkerStore: who is alive."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.lease import Lease
from mrq.domain.worker import WorkerRecord
from mrq.stores.ids import new_id
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.domain.ids import WorkerId
    from mrq.ports.workers import WorkerStore

STARTED = datetime(2026, 1, 5, 12)
LONG_AGO, FAR_AHEAD = datetime(2000, 1, 1), datetime(2200, 1, 1)


def registered(workers: WorkerStore, **about: Any) -> WorkerId:
    worker = new_id()
    workers.register(WorkerRecord(worker, "name", **{"datestarted": STARTED, "lease": 15.0, **about}))
    return worker


def beat_of(workers: WorkerStore, worker: WorkerId) -> int:
    document = workers.fetch(worker)
    assert document is not None
    beat: int = document["beat"]
    return beat


def database_time(workers: WorkerStore) -> datetime:
    now = workers.beat(registered(workers))
    assert now is not None
    return now


def test_a_worker_that_registers_is_known(workers: WorkerStore) -> None:
    worker = registered(workers, config={"queues": "default"})
    document = workers.fetch(worker)
    assert document is not None
    assert (document["_id"], document["name"], document["status"]) == (worker, "name", "started")
    assert (document["datestarted"], document["config"], document["lease"]) == (STARTED, {"queues": "default"}, 15.0)
    assert document["datereported"].tzinfo is None
    assert workers.gone([worker]) == set()
    assert [d["_id"] for d in workers.alive(10)] == [worker]


def test_registering_twice_is_harmless(workers: WorkerStore) -> None:
    worker = registered(workers)
    workers.register(WorkerRecord(worker, "again", STARTED, lease=15.0))
    assert len(workers.alive(10)) == 1


def test_an_unknown_worker_has_no_document_and_no_beat(workers: WorkerStore) -> None:
    assert workers.fetch(new_id()) is None
    assert workers.beat(new_id()) is None


def test_each_beat_changes_the_heartbeat(workers: WorkerStore) -> None:
    worker = registered(workers)
    beats = [beat_of(workers, worker)]
    for _ in range(3):
        assert workers.beat(worker) is not None
        beats.append(beat_of(workers, worker))
    assert len(set(beats)) == 4


def test_a_beat_returns_the_time_of_the_database_naive_and_rising(workers: WorkerStore) -> None:
    worker = registered(workers)
    first, second = workers.beat(worker), workers.beat(worker)
    assert first is not None
    assert second is not None
    assert first.tzinfo is None
    assert first <= second
    document = workers.fetch(worker)
    assert document is not None
    assert abs((document["datereported"] - second).total_seconds()) < 5


def test_a_beat_of_a_worker_does_not_touch_its_report(workers: WorkerStore) -> None:
    worker = registered(workers)
    workers.report(worker, {"status": "wait", "done_jobs": 7, "jobs": [{"id": "x"}]})
    workers.beat(worker)
    document = workers.fetch(worker)
    assert document is not None
    assert (document["status"], document["done_jobs"], document["jobs"]) == ("wait", 7, [{"id": "x"}])


def test_a_report_replaces_the_one_before(workers: WorkerStore) -> None:
    worker = registered(workers)
    workers.report(worker, {"jobs": [{"id": "a"}, {"id": "b"}]})
    workers.report(worker, {"jobs": [{"id": "c"}]})
    document = workers.fetch(worker)
    assert document is not None
    assert document["jobs"] == [{"id": "c"}]


def test_a_report_is_no_heartbeat(workers: WorkerStore) -> None:
    worker = registered(workers)
    before = beat_of(workers, worker)
    workers.report(worker, {"status": "wait"})
    assert beat_of(workers, worker) == before


def test_a_report_of_an_unknown_worker_makes_no_document(workers: WorkerStore) -> None:
    worker = new_id()
    workers.report(worker, {"status": "wait"})
    workers.stop(worker, {"status": "stop"})
    assert workers.fetch(worker) is None


def test_a_worker_that_stopped_is_gone_and_no_suspect(workers: WorkerStore) -> None:
    worker = registered(workers)
    workers.stop(worker, {"done_jobs": 3, "jobs": []})
    document = workers.fetch(worker)
    assert document is not None
    assert (document["status"], document["done_jobs"]) == ("stop", 3)
    assert workers.gone([worker]) == {worker}
    assert workers.suspects(FAR_AHEAD) == []
    assert workers.alive(10) == []
    assert not workers.mark_lost(worker, beat_of(workers, worker))


# ---- suspects


def test_only_silent_workers_are_suspects(workers: WorkerStore) -> None:
    worker = registered(workers)
    assert workers.suspects(LONG_AGO) == []
    assert workers.suspects(FAR_AHEAD) == [Lease(worker, beat_of(workers, worker), 15.0, None)]


def test_silence_ends_with_a_beat(workers: WorkerStore) -> None:
    worker, judge = registered(workers), registered(workers)

    def silent() -> bool:
        now = workers.beat(judge)
        assert now is not None
        return worker in {lease.worker for lease in workers.suspects(now)}

    wait_until(silent)
    now = workers.beat(worker)
    assert now is not None
    assert worker not in {lease.worker for lease in workers.suspects(now)}


def test_a_stated_deadline_makes_a_suspect_once_it_has_passed(workers: WorkerStore) -> None:
    now = database_time(workers)
    over = registered(workers, deadline=now - timedelta(seconds=30))
    registered(workers, deadline=now + timedelta(hours=1))
    suspects = workers.suspects(now - timedelta(seconds=10))
    assert [(lease.worker, lease.deadline) for lease in suspects] == [(over, now - timedelta(seconds=30))]


def test_the_order_and_number_of_living_workers(workers: WorkerStore) -> None:
    everyone = {registered(workers) for _ in range(3)}
    assert {document["_id"] for document in workers.alive(10)} == everyone
    assert len(workers.alive(2)) == 2


# ---- marked lost


def test_a_worker_is_marked_lost_only_if_its_heartbeat_is_still_the_one_seen(workers: WorkerStore) -> None:
    worker = registered(workers)
    seen = beat_of(workers, worker)
    workers.beat(worker)
    assert not workers.mark_lost(worker, seen)
    assert workers.gone([worker]) == set()
    assert workers.mark_lost(worker, beat_of(workers, worker))
    assert workers.gone([worker]) == {worker}


def test_a_worker_is_marked_once(workers: WorkerStore) -> None:
    worker = registered(workers)
    seen = beat_of(workers, worker)
    assert workers.mark_lost(worker, seen)
    assert not workers.mark_lost(worker, seen)
    assert not workers.mark_lost(new_id(), 1)


def test_a_marked_worker_never_beats_again_and_its_report_is_dropped(workers: WorkerStore) -> None:
    worker = registered(workers)
    assert workers.mark_lost(worker, beat_of(workers, worker))
    marked = workers.fetch(worker)
    assert workers.beat(worker) is None
    workers.report(worker, {"status": "wait", "done_jobs": 9})
    workers.stop(worker, {"status": "stop"})
    assert workers.fetch(worker) == marked
    assert marked is not None
    assert (marked["status"], marked["jobs"]) == ("lost", [])
    assert workers.suspects(FAR_AHEAD) == []
    assert workers.alive(10) == []


def test_a_beat_and_a_mark_at_the_same_time_never_both_win(workers: WorkerStore) -> None:
    for _ in range(40):
        worker = registered(workers)
        seen, results = beat_of(workers, worker), {}
        start = threading.Barrier(2)

        def beat(worker=worker, results=results, start=start) -> None:  # type: ignore[no-untyped-def]
            start.wait(10)
            results["beat"] = workers.beat(worker) is not None

        def mark(worker=worker, seen=seen, results=results, start=start) -> None:  # type: ignore[no-untyped-def]
            start.wait(10)
            results["mark"] = workers.mark_lost(worker, seen)

        threads = [threading.Thread(target=function) for function in (beat, mark)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert results["beat"] is not results["mark"]


# ---- gone


def test_the_gone_are_those_that_stopped_are_lost_or_have_no_document(workers: WorkerStore) -> None:
    alive, stopped, lost, unknown = registered(workers), registered(workers), registered(workers), new_id()
    workers.stop(stopped, {})
    workers.mark_lost(lost, beat_of(workers, lost))
    assert workers.gone([alive, stopped, lost, unknown]) == {stopped, lost, unknown}
    assert workers.gone([]) == set()
    assert workers.gone(iter([unknown])) == {unknown}


def test_running_bursts_are_counted_by_group(workers: WorkerStore) -> None:
    assert workers.bursts() == {}
    now = database_time(workers)
    soon, over = now + timedelta(minutes=5), now - timedelta(seconds=1)
    registered(workers)
    registered(workers, config={"worker_group": "g"})
    running = [registered(workers, config={"worker_group": "g"}, deadline=soon) for _ in range(4)]
    registered(workers, config={"worker_group": "g"}, deadline=over)
    registered(workers, config={"worker_group": "h"}, deadline=soon)
    registered(workers, config={"worker_group": None}, deadline=soon)
    registered(workers, deadline=soon)
    workers.stop(running[0], {"config": {"worker_group": "g"}})
    workers.mark_lost(running[1], beat_of(workers, running[1]))
    assert workers.bursts() == {"g": 2, "h": 1, "": 2}


def test_bursts_that_have_ended_are_told_by_when_they_began(workers: WorkerStore) -> None:
    assert workers.ended_bursts(10.0) == {}
    now = database_time(workers)
    lately, about = now - timedelta(seconds=3), {"deadline": now + timedelta(minutes=5)}
    group = {"config": {"worker_group": "g"}, **about}
    stopped, lost = (registered(workers, datestarted=lately, **group) for _ in range(2))
    workers.stop(stopped, {})
    workers.mark_lost(lost, beat_of(workers, lost))
    registered(workers, datestarted=lately, **group)  # runs
    workers.stop(registered(workers, datestarted=now - timedelta(minutes=1), **group), {})
    workers.stop(registered(workers, datestarted=lately, config={"worker_group": "g"}), {})  # a container
    workers.stop(registered(workers, datestarted=lately, **about), {})
    assert workers.ended_bursts(10.0) == {"g": [lately, lately], "": [lately]}


def test_indexes_are_made_once(workers: WorkerStore) -> None:
    workers.ensure_indexes()
    assert workers.ensure_indexes() == []


def test_a_worker_of_mrq_0_9_is_alive_and_never_suspected(database: Any) -> None:
    from mrq.stores.mongo_workers import MongoWorkerStore

    worker = new_id()
    database.mrq_workers.insert_one({"_id": worker, "status": "wait", "datereported": LONG_AGO})
    workers = MongoWorkerStore(database)
    assert workers.suspects(FAR_AHEAD) == []
    assert workers.gone([worker]) == set()


def test_documents_of_the_gone_expire_by_the_last_report(database: Any) -> None:
    from mrq.stores.mongo_workers import MongoWorkerStore

    MongoWorkerStore(database).ensure_indexes()
    assert database.mrq_workers.index_information()["datereported_1"]["expireAfterSeconds"] == 3600


def test_a_chosen_id_is_given_once(workers: WorkerStore) -> None:
    chosen = WorkerRecord(new_id(), "first", STARTED, lease=15.0)
    assert workers.introduce(chosen)
    before = workers.fetch(chosen.id)
    assert before is not None
    assert (before["name"], before["status"], before["lease"]) == ("first", "started", 15.0)
    assert before["datereported"]
    assert workers.beat(chosen.id) is not None
    assert not workers.introduce(WorkerRecord(chosen.id, "second", STARTED, lease=15.0))
    assert workers.fetch(chosen.id)["name"] == "first"  # type: ignore[index]


def test_the_id_of_a_worker_that_is_gone_is_not_given_again(workers: WorkerStore) -> None:
    chosen = WorkerRecord(new_id(), "first", STARTED, lease=15.0)
    assert workers.introduce(chosen)
    workers.stop(chosen.id, {})
    assert not workers.introduce(chosen)
