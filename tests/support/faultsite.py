"""Where a test of faults takes place: two servers, a producer in the test's process, and real workers."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import redis
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from mrq.app import App, use_app
from support.ledger import Ledger
from support.waiting import wait_until
from support.workers import QUICK_LEASE, WorkerProcess, environment_for

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from mrq.domain.ids import JobId
    from mrq.job import JobHandle

GREENLETS = 20


class FaultSite:
    """One test's place. The producer is the current app while it is entered."""

    def __init__(self, mongodb_url: str, redis_url: str, folder: Path, prefix: str) -> None:
        self.folder = folder
        self.mongodb_url = mongodb_url
        self.redis_url = redis_url
        self.prefix = prefix
        self._ledger_path = folder / "ledger"
        self.ledger = Ledger(self._ledger_path)
        self.app = App({"mongodb_jobs": mongodb_url, "redis": redis_url, "redis_prefix": prefix})
        self._client: MongoClient[dict[str, Any]] = MongoClient(mongodb_url, serverSelectionTimeoutMS=2000)
        self._database = self._client.get_default_database()
        self._workers: list[WorkerProcess] = []

    def __enter__(self) -> FaultSite:
        use_app(self.app)
        return self

    def __exit__(self, *_: object) -> None:
        use_app(None)
        for worker in self._workers:
            worker.close()
        for worker in self._workers:  # shown by pytest when the test has failed
            print(f"---- log of {worker.name}\n{worker.log}")
        self.app.close()
        self._client.close()

    @property
    def mongodb_port(self) -> int:
        """Where mongod listens."""
        return int(self._client.address[1]) if self._client.address else 0

    # ---- workers

    def start_worker(
        self,
        *arguments: str,
        greenlets: int = GREENLETS,
        max_latency: float = 0.5,
        mongodb_url: str | None = None,
        **environment: str,
    ) -> WorkerProcess:
        """Start a worker and don't wait for it."""
        worker = WorkerProcess(
            *QUICK_LEASE,
            *("--greenlets", str(greenlets)),
            *("--max_latency", str(max_latency)),
            *arguments,
            folder=self.folder,
            ledger=self.ledger,
            environment={
                **environment_for(mongodb_url or self.mongodb_url, self.redis_url, self.prefix, self._ledger_path),
                **environment,
            },
        )
        self._workers.append(worker)
        return worker

    def worker(self, *arguments: str, **options: Any) -> WorkerProcess:
        """A worker that serves its queues."""
        return self.start_worker(*arguments, **options).wait_ready()

    def workers(self, count: int, *arguments: str, **options: Any) -> list[WorkerProcess]:
        """Several, started side by side."""
        started = [self.start_worker(*arguments, **options) for _ in range(count)]
        return [worker.wait_ready() for worker in started]

    def wait_for_workers(self) -> None:
        """Wait until all that were started serve their queues."""
        for worker in self._workers:
            worker.wait_ready()

    def wait_for_listeners(self, count: int = 1) -> None:
        """Wait until so many workers are to be reached through Redis."""
        channel = f"{self.prefix}:wake:default"
        with redis.Redis.from_url(self.redis_url) as client:
            wait_until(
                lambda: dict(client.pubsub_numsub(channel)).get(channel.encode()) == count, what="workers listen"
            )

    def worker_statuses(self) -> dict[str, str]:
        """The statuses of all workers that there ever were, by id."""
        return {str(document["_id"]): document["status"] for document in self._database.mrq_workers.find()}

    # ---- jobs

    def jobs(self) -> Iterator[dict[str, Any]]:
        """All job documents."""
        yield from self._database.mrq_jobs.find()

    def job(self, handle: JobHandle[Any]) -> dict[str, Any]:
        """One job's document."""
        document = self._database.mrq_jobs.find_one({"_id": handle.id})
        assert document is not None
        return document

    def statuses(self) -> Counter[str]:
        """How many jobs there are in each status."""
        return Counter(document["status"] for document in self._database.mrq_jobs.find({}, {"status": 1}))

    def wait_for_statuses(self, expected: dict[str, int], timeout: float = 60.0) -> None:
        """Wait until the jobs have come to these statuses. A database that is away is asked again."""
        seen: Counter[str] = Counter()

        def reached() -> bool:
            nonlocal seen
            with contextlib.suppress(PyMongoError):
                seen = self.statuses()
            return seen == expected

        try:
            wait_until(reached, timeout, interval=0.1)
        except AssertionError:
            raise AssertionError(f"not {expected} within {timeout:g} s, but {dict(seen)}") from None

    def wait_for_runs(self, count: int, timeout: float = 30.0) -> None:
        """Wait until so many runs have started, by their own word."""
        wait_until(lambda: len(self.ledger.runs()) >= count, timeout, what=f"{count} runs started")

    def assert_all_succeed(self, acknowledged: dict[JobId, str], timeout: float = 60.0) -> None:
        """Wait until all jobs succeeded: those that were acknowledged, given with their keys, are among them."""
        wait_until(lambda: set(self.statuses()) == {"success"}, timeout, what="all jobs succeeded", interval=0.2)
        ends = {document["_id"]: document["status"] for document in self.jobs()}
        lost = [job for job in acknowledged if ends.get(job) != "success"]
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged jobs are lost"
        self.assert_all_ran(acknowledged.values())

    def assert_all_ran(self, keys: Collection[str]) -> None:
        """Every job ran at least once, and none twice at the same time."""
        assert self.ledger.keys() >= set(keys)
        assert self.ledger.at_once() == []
