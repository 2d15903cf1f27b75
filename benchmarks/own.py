"""MRQ beside its floors: bare loops over the same drivers, in this process and on the same servers, interleaved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import floors, measures, raw
from mrq.app import App, use_app
from mrq.stores.mongo_client import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.services import Services

IN_FLIGHT = 1000  # jobs

Case = tuple["Callable[[], None]", "Callable[[], float]", int]


class Own:
    """The measurements; each gives jobs per second."""

    def __init__(self, services: Services, jobs: int, greenlets: int) -> None:
        """`greenlets`: of the workers, and the batch of the floors."""
        self._services, self._n, self._greenlets = services, jobs, greenlets
        self._app = App({"mongodb_jobs": services.mongodb_url, "redis": services.redis_url})
        self._database = connect(services.mongodb_url, server_timeout=5, name="benchmarks")

    def _fresh(self) -> None:
        use_app(self._app)
        self._database.drop_collection("mrq_jobs")
        self._app.jobs.ensure_indexes()

    def _fill(self) -> None:
        self._fresh()
        floors.insert(self._database, self._n)

    def _fill_raw(self, queue: str) -> None:
        self._fresh()
        raw.fill(queue, self._n)

    def _drain_kept(self) -> float:
        raw.drain(self._services, raw.KEPT, self._n, self._greenlets)
        return measures.seconds_of_all(self._database, self._n)

    @property
    def floors(self) -> dict[str, Case]:
        """What a queue could reach at best here."""
        database, n, batch, few = self._database, self._n, self._greenlets, min(self._n, max(500, self._n // 10))
        return {
            "insert_many floor": (self._fresh, lambda: floors.insert(database, n), n),
            "insert_one floor": (self._fresh, lambda: floors.insert_each(database, few), few),
            "batched floor": (self._fill, lambda: floors.batched(database, n, batch), n),
            "one-by-one floor": (self._fill, lambda: floors.one_by_one(database, few), few),
            "raw kept floor": (lambda: self._fill_raw(raw.KEPT), lambda: raw.kept_floor(database, n, batch), n),
            "raw fast floor": (lambda: self._fill_raw(raw.FAST), lambda: raw.fast_floor(n, batch), n),
        }

    @property
    def ours(self) -> dict[str, Case]:
        """What MRQ does of the same."""
        services, database, n, greenlets = self._services, self._database, self._n, self._greenlets
        return {
            "enqueue": (self._fresh, lambda: measures.enqueue(n), n),
            "drain": (self._fill, lambda: measures.drain(services, database, n, greenlets), n),
            "raw kept": (lambda: self._fill_raw(raw.KEPT), self._drain_kept, n),
            "raw fast": (lambda: self._fill_raw(raw.FAST), lambda: raw.drain(services, raw.FAST, n, greenlets), n),
        }

    def in_flight(self) -> float:
        """MiB for each 1,000 jobs that wait for something at the same time."""
        self._fresh()
        return measures.in_flight(self._services, self._database, IN_FLIGHT) * 1000 / IN_FLIGHT

    @staticmethod
    def rate(case: Case) -> float:
        """Prepare and run it."""
        prepare, run, count = case
        prepare()
        return count / run()
