"""What all kinds of queues have in common. `Queue(name)` makes one of the kind that the name says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mrq.app import App, get_app
from mrq.domain.queuename import QueueName, QueueType, parse_queue
from mrq.domain.status import Status
from mrq.exceptions import InvalidQueueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mrq.job import Job

SOURCES = ("config", "jobs", "raw_subqueues")


class Queue:
    """A queue by its name; or by another Queue, of which it is a copy.

    `q/` stands for all subqueues of q. Raises InvalidQueueError when it is made with a bad name, or that of a
    kind of queue that is not there.
    """

    _kinds: ClassVar[dict[bool, type[Queue]]] = {}  # by whether it is raw
    raw_kind: ClassVar[bool] = False

    @property
    def has_subqueues(self) -> bool:
        """Whether it may have subqueues that are known."""
        return True

    def __new__(cls, queue_id: str | Queue) -> Queue:
        """An instance of the class for this kind of queue."""
        name = _name(queue_id)
        kind = Queue._kinds.get(name.is_raw)
        if kind is None:
            raise InvalidQueueError(f"{name.id!r} is a raw queue; this version has regular queues only")
        if cls is not Queue and not issubclass(cls, kind):
            raise InvalidQueueError(f"{name.id!r} is no queue for {cls.__name__}")
        return object.__new__(kind if cls is Queue else cls)

    def __init__(self, queue_id: str | Queue) -> None:
        """See the class."""
        self._app: App = get_app()
        self.name: QueueName = _name(queue_id)
        self.id = self.name.id
        self.root_id = self.name.root
        self.is_subqueue = self.name.is_subqueue
        self.is_reverse = self.name.is_reverse
        kind = self.name.type
        self.is_raw = self.name.is_raw
        self.is_set = kind in (QueueType.SET, QueueType.SORTED_SET, QueueType.TIMED_SET)
        self.is_timed = kind is QueueType.TIMED_SET
        self.is_sorted = kind in (QueueType.SORTED_SET, QueueType.TIMED_SET)
        self.use_large_ids = self._app.settings.use_large_job_ids

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """The first class of each kind is what `Queue(name)` makes."""
        super().__init_subclass__(**kwargs)
        Queue._kinds.setdefault(cls.raw_kind, cls)

    def __repr__(self) -> str:
        return f"<Queue {self.id}>"

    # ---- settings

    @classmethod
    def get_queues_config(cls) -> Mapping[str, Mapping[str, Any]]:
        """The configuration of all queues: RAW_QUEUES or, if that is empty, QUEUES_CONFIG."""
        settings = get_app().settings
        return settings.raw_queues or settings.queues_config

    def get_config(self) -> Mapping[str, Any]:
        """What is configured for this queue's root; {} if nothing is."""
        return self.get_queues_config().get(self.root_id) or {}

    def get_retry_queue(self) -> str:
        """Where its jobs wait when they are to run again."""
        raise NotImplementedError

    @classmethod
    def get_queue_type(cls, queue_id: str) -> QueueType:
        """The kind of queue that a name stands for: regular, raw, set, sorted_set, timed_set."""
        return parse_queue(queue_id).type

    # ---- pauses and wake-ups

    @property
    def _pausable(self) -> str:
        return self.root_id if self.name.serves_subqueues else self.id

    def pause(self) -> None:
        """Let no worker take jobs from it: workers know it within `paused_queues_refresh_interval` seconds.

        A root's pause, also that of `q/`, holds for all its subqueues. Raises ServerUnavailableError.
        """
        self._app.pauses.pause(self._pausable)

    def resume(self) -> None:
        """Let workers take from it again. Raises ServerUnavailableError."""
        self._app.pauses.resume(self._pausable)
        self._app.enqueuer.call(self.root_id)

    def set_max_concurrency(self, jobs: int | None) -> None:
        """Let at most so many of its jobs run at once, over all workers and with those of its subqueues; 0: any number;
        None: as many as the configuration says.

        Workers know it within `paused_queues_refresh_interval` seconds; jobs that run already don't count. Raises
        ValueError, ServerUnavailableError.
        """
        store = self._app.queue_limits
        if store is None:
            raise TypeError("the Stores of this App were made without queue_limits; give Stores(..., queue_limits=...)")
        if jobs is None:
            store.forget(self.root_id)
        elif jobs < 0:
            raise ValueError(f"max_concurrency is a whole number of at least 0, or None, not {jobs!r}")
        else:
            store.limit(self.root_id, jobs)
        self._app.enqueuer.call(self.root_id)

    def is_paused(self) -> bool:
        """Whether it, or its root, is paused. Raises ServerUnavailableError."""
        return not self._app.pauses.paused().isdisjoint({self.id, self.root_id})

    def use_notify(self) -> bool:
        """Whether `notify` is configured for it. Workers of this version are woken in any case."""
        return bool(self.get_config().get("notify"))

    def notify(self, new_jobs_count: int = 1) -> None:
        """Wake idle workers; with `notify` configured, also those of MRQ 0.9. Raises ServerUnavailableError."""
        self._app.wakeups.notify([self.root_id])
        if self.use_notify():
            self._app.news.mark(self.root_id, new_jobs_count)

    # ---- what is in it

    def size(self) -> int:
        """Jobs that wait; of a regular queue also those that run."""
        raise NotImplementedError

    def count_jobs_to_dequeue(self) -> int:
        """Jobs that could be taken now, were the queue not paused."""
        raise NotImplementedError

    def empty(self) -> int:
        """Delete its jobs; how many there were."""
        raise NotImplementedError

    def get_known_subqueues(self) -> set[str]:
        """Names of its subqueues."""
        raise NotImplementedError

    def dequeue_jobs(self, max_jobs: int = 1, job_class: Any = None, worker: Any = None) -> Iterator[Job]:
        """Take jobs, to be run by the caller."""
        raise NotImplementedError

    # What only some kinds can do. Each raises InvalidQueueError for the others.

    def list_job_ids(self, skip: int = 0, limit: int = 20) -> list[str]:  # noqa: ARG002
        """Regular queues: ids of jobs that wait, oldest first."""
        raise self._cannot("list_job_ids() is for regular queues")

    def list_raw_jobs(self, skip: int = 0, limit: int = 20) -> list[bytes]:  # noqa: ARG002
        """Raw queues: what waits in them."""
        raise self._cannot("list_raw_jobs() is for raw queues")

    def enqueue_raw_jobs(self, params_list: Any) -> None:  # noqa: ARG002
        """Raw queues: put params into it."""
        raise self._cannot("enqueue_raw_jobs() is for raw queues; see mrq.job.queue_jobs()")

    def remove_raw_jobs(self, params_list: Any) -> int:  # noqa: ARG002
        """Raw queues: take params out of it."""
        raise self._cannot("remove_raw_jobs() is for raw queues; see mrq.job.Job.cancel()")

    def get_sorted_graph(
        self,
        start: float = 0,  # noqa: ARG002
        stop: float = 100,  # noqa: ARG002
        slices: int = 100,  # noqa: ARG002
        include_inf: bool = False,  # noqa: ARG002
        exact: bool = False,  # noqa: ARG002
    ) -> list[int]:
        """Sorted and timed sets: how many members have scores in each slice."""
        raise self._cannot("get_sorted_graph() is for sorted and timed sets")

    def _cannot(self, why: str) -> InvalidQueueError:
        return InvalidQueueError(f"{self.id!r} is a {self.name.type} queue, and {why}")

    # ---- all queues

    @classmethod
    def all(cls) -> dict[str, int]:
        """How many jobs or payloads wait, by queue: regular queues that have some, the raw queues of the
        configuration, and their known subqueues where `has_subqueues` is set.

        Reads the index of waiting jobs as a whole, and asks Redis for the size of each raw queue. Raises
        ServerUnavailableError, also when the database needs more than 30 s.
        """
        app = get_app()
        found = dict.fromkeys(app.settings.raw_queues, 0)  # also those whose names are not those of raw queues
        for name, config in cls.get_queues_config().items():
            if parse_queue(name).is_raw:
                found |= _raw_sizes(app, name, subqueues=bool((config or {}).get("has_subqueues")))
        return found | app.jobs.count_by_queue(Status.QUEUED)

    @classmethod
    def all_active(cls) -> list[Queue]:
        """The regular queues in which jobs wait. Raises ServerUnavailableError."""
        return [cls(name) for name, waiting in sorted(get_app().jobs.count_by_queue(Status.QUEUED).items()) if waiting]

    @classmethod
    def all_known(cls, sources: tuple[str, ...] | None = None, prefixes: tuple[str, ...] | None = None) -> set[str]:
        """Names of all queues that are known of.

        sources:  where to look: "config" (tasks, configured queues and their retry queues), "jobs" (all job
                  documents; if that takes more than two seconds, those that wait or run), "raw_subqueues"; None: all
        prefixes: only names that start with one of these

        Raises ServerUnavailableError; ValueError for a source that is not there.
        """
        wanted = SOURCES if sources is None else tuple(sources)
        if unknown := set(wanted) - set(SOURCES):
            raise ValueError(f"sources are {', '.join(SOURCES)}; there is no {', '.join(sorted(unknown))}")
        found: set[str] = set()
        if "config" in wanted:
            found |= _configured()
        if "jobs" in wanted:
            found |= get_app().jobs.queue_names()
        if "raw_subqueues" in wanted:
            for name, config in cls.get_queues_config().items():
                if parse_queue(name).is_raw and (config or {}).get("has_subqueues") and True in Queue._kinds:
                    found |= Queue(name).get_known_subqueues()
        return {name for name in found if prefixes is None or name.startswith(tuple(prefixes))}


def _raw_sizes(app: App, root: str, *, subqueues: bool) -> dict[str, int]:
    names = [root, *sorted(app.raw.subqueues(root))] if subqueues else [root]
    return dict(zip(names, app.raw.sizes([parse_queue(name) for name in names]), strict=True))


def _configured() -> set[str]:
    settings = get_app().settings
    queues = {**settings.queues_config, **settings.raw_queues}
    names = set(queues) | {config["retry_queue"] for config in queues.values() if config and config.get("retry_queue")}
    return names | {about["queue"] for about in settings.tasks.values() if about.get("queue")}


def _name(queue_id: Any) -> QueueName:
    return queue_id.name if isinstance(queue_id, Queue) else parse_queue(queue_id)
