"""Raw queues: payloads wait in Redis, and become jobs when a worker takes them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mrq.engine.byhand import RawHandTaker
from mrq.engine.clock import unix
from mrq.engine.raw_enqueue import as_payloads
from mrq.engine.raw_settings import served_settings
from mrq.exceptions import InvalidQueueError
from mrq.job import Job
from mrq.queue_base import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator


class QueueRaw(Queue):
    """A raw queue by its name. `q/` stands for all known subqueues of q.

    Every method may raise ServerUnavailableError when Redis is away. What workers have taken is not in the queue any
    more: it is counted nowhere here.
    """

    raw_kind = True

    @property
    def has_subqueues(self) -> bool:
        """Whether RAW_QUEUES says that it has."""
        return bool(self.get_config().get("has_subqueues"))

    def get_retry_queue(self) -> str:
        """The regular queue in which its jobs wait for another try."""
        return self.get_config().get("retry_queue") or "default"

    def size(self) -> int:
        """Payloads that wait."""
        return self._app.raw.size(self.name)

    def count_jobs_to_dequeue(self) -> int:
        """Payloads that could be taken now: in a timed set those whose time has come."""
        return self._app.raw.count_due(self.name, unix(self._app.clock.now()))

    def empty(self) -> int:
        """Delete all that waits; how many payloads there were."""
        waiting = self.size()
        self._app.raw.empty(self.name)
        return waiting

    def list_raw_jobs(self, skip: int = 0, limit: int = 20) -> list[bytes]:
        """Payloads that wait, the first to leave first. A set shows any of its members and skips none."""
        return self._app.raw.waiting(self.name, skip, limit)

    def enqueue_raw_jobs(self, params_list: Any) -> None:
        """Add payloads. See mrq.job.queue_raw_jobs."""
        self._app.raw_enqueuer.enqueue(self.id, params_list)

    def remove_raw_jobs(self, params_list: Any) -> int:
        """Take out payloads that still wait; how many there were. Slow for long lists. Raises InvalidParamsError."""
        removed = self._app.raw.remove(self.name, as_payloads(params_list))
        self._app.metrics.queues("removed", {self.id: removed} if removed else {})
        return removed

    def dequeue_jobs(self, max_jobs: int = 1, job_class: Any = None, worker: Any = None) -> Iterator[Job]:  # noqa: ARG002 - MRQ 0.9
        """Take up to `max_jobs` payloads, make jobs of them and yield those, started, the first to leave first.

        The jobs are stored, also those of a queue with `statuses_no_storage`; those that you don't ask for wait in the
        retry queue. Else as for regular queues: see QueueRegular. Raises ConfigError when there is no job_factory.
        """
        app = self._app
        settings = served_settings({self.root_id}, app.queue_table)[self.root_id]
        paused = app.pauses.paused()
        if not paused.isdisjoint({self.id, self.root_id}):
            return
        taker = RawHandTaker(
            app.jobs, app.workers, app.clock, app.tasks, raw=app.raw, settings=settings, runtime=app.runtime
        )
        made = job_class or Job
        for run in taker.take(self.name, max_jobs, paused):
            yield made.of_run(run)

    def get_known_subqueues(self) -> set[str]:
        """Subqueues in which payloads wait; none unless `has_subqueues`."""
        return self._app.raw.subqueues(self.root_id) if self.has_subqueues else set()

    def get_sorted_graph(
        self,
        start: float = 0,
        stop: float = 100,
        slices: int = 100,
        include_inf: bool = False,
        exact: bool = False,  # noqa: ARG002 - MRQ 0.9; it always is
    ) -> list[int]:
        """How many scores there are in each of `slices` equal parts from `start` to `stop`, the upper end of each
        excluded. `include_inf`: with those below `start` in front and those from `stop` on at the end.

        Raises InvalidQueueError when the queue has no scores.
        """
        if not self.is_sorted:
            raise InvalidQueueError(f"{self.id} has no scores, so there is no graph of them")
        width = (stop - start) / slices
        edges = [repr(float(start + number * width)) for number in range(slices)] + [repr(float(stop))]
        bounds = [(low, f"({high}") for low, high in pairwise(edges)]
        if include_inf:
            bounds = [("-inf", f"({edges[0]}"), *bounds, (edges[-1], "+inf")]
        return self._app.raw.sorted_graph(self.name, bounds)
