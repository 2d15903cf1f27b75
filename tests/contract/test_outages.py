"""When MongoDB is away, every method says so in the same way, and works again once it is back."""

from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from contract.kit import JobKit, at
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.embedded import EmbeddedMongo
from mrq.exceptions import ServerUnavailableError
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.jobs import Settled
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable


def test_every_method_reports_an_absent_server_and_works_after_its_return() -> None:
    from mrq.stores.mongo_client import connect
    from mrq.stores.mongo_jobs import MongoJobStore
    from mrq.stores.mongo_workers import MongoWorkerStore

    with EmbeddedMongo() as server:
        database = connect(server.url, server_timeout=0.1, name="contract")
        store, workers = MongoJobStore(database), MongoWorkerStore(database)
        kit = JobKit(store, lambda document: None, database)
        job = kit.started()
        server.kill()
        worker, queued = kit.worker, frozenset({Status.QUEUED})
        record = WorkerRecord(worker, "name", at(0), lease=15.0)
        calls: list[Callable[[], object]] = [
            kit.queue, kit.claim, store.workers_of_started, store.ensure_indexes, store.missing_indexes, store.ping,
            lambda: store.claimed_under(worker, job.token),
            lambda: store.started_by(worker, 1),
            lambda: store.mark_alone(job.id, job.token),
            lambda: kit.settle(job),
            lambda: store.bring_back(at(0), 1),
            lambda: store.move(job.id, Status.CANCEL, at(0), {}),
            lambda: store.set_progress(job.id, job.token, 0.5),
            lambda: store.fetch(job.id),
            lambda: store.count("default", queued),
            lambda: store.count_due("default", at(0)),
            lambda: store.count_by_queue(Status.QUEUED),
            lambda: store.list_ids("default", Status.QUEUED, 0, 1),
            lambda: store.subqueues("default"),
            lambda: store.remove_queue("default"),
            lambda: workers.register(record),
            lambda: workers.beat(worker),
            lambda: workers.report(worker, {}),
            lambda: workers.stop(worker, {}),
            lambda: workers.suspects(at(0)),
            lambda: workers.mark_lost(worker, 1),
            lambda: workers.gone([worker]),
            lambda: workers.fetch(worker),
            lambda: workers.alive(1),
            workers.ensure_indexes,
        ]  # fmt: skip

        def fails_in_our_words(call: Callable[[], object]) -> None:
            with pytest.raises(StoreUnavailableError, match="MongoDB is not available") as caught:
                call()
            assert "\n" not in str(caught.value)
            assert len(str(caught.value)) < 400
            assert isinstance(caught.value, ServerUnavailableError)  # the name for users
            assert len(traceback.format_exception(caught.value)) < 12  # and nothing of the driver's own

        with ThreadPoolExecutor(len(calls)) as pool:  # each waits for the server
            list(pool.map(fails_in_our_words, calls))
        assert server.start()

        def works() -> bool:
            try:
                return kit.settle(job).fate is Settled.WRITTEN
            except StoreUnavailableError:
                return False

        wait_until(works)
        assert kit.status(job.id) is Status.SUCCESS  # what was acknowledged survived the kill
        database.client.close()
