"""What is known of queues, put together from the stores in a bounded number of short queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mrq.domain.jobfilter import JobFilter
from mrq.domain.joblist import JobCount, JobQuery, Order
from mrq.domain.queuename import QueueName, QueueType, parse_queue
from mrq.domain.stats import QueueSamples
from mrq.domain.status import Status
from mrq.engine.clock import unix
from mrq.exceptions import InvalidQueueError
from mrq.ports.joblists import LOOKED_AT
from mrq_dashboard.growth import MOST_LOOKS, WINDOW, Growth, growth
from mrq_dashboard.identity import Principal
from mrq_dashboard.models import Count, QueueModel
from mrq_dashboard.services import Services
from mrq_dashboard.shown import utc

MOST_QUEUES = 200
MOST_WORKERS = 500
KEYS = 15_000  # jobs that are counted for one answer: all queues together
LATELY = timedelta(minutes=3)
_QUEUED = frozenset({Status.QUEUED})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is read once for all queues of an answer."""

    paused: frozenset[str]
    running: Mapping[str, int]
    workers: Sequence[Mapping[str, Any]]
    limits: Mapping[str, int]
    now: datetime
    looks: Sequence[QueueSamples] = field(default_factory=list)  # of the statistics, oldest first

    def lately_in(self, name: QueueName, counted: JobCount) -> int | None:
        """What waited in a queue at the last look, if more was there than was counted now."""
        last = self.looks[-1] if self.looks and self.looks[-1].start >= self.now - LATELY else None
        backlog = None if counted.exact or last is None else last.of(name.id)
        many = 0 if backlog is None else backlog.waiting + backlog.delayed
        return many if many > counted.jobs else None

    def workers_of(self, name: QueueName) -> int:
        """How many workers serve a queue."""
        served = {name.id, f"{name.root}/"} if name.is_subqueue else {name.id}
        return sum(
            bool(served & {str(queue).removesuffix("_reverse") for queue in _queues(worker)}) for worker in self.workers
        )

    def growth_of(self, name: QueueName) -> Growth | None:
        """How a queue has grown; None: it has not, or can't be expected to be worked off."""
        is_paused = not self.paused.isdisjoint({name.id, name.root})
        return None if is_paused or not self.workers_of(name) else growth(self.looks, name.id)

    def running_in(self, name: QueueName) -> int:
        """How many jobs of a queue, or of all subqueues of a root, run."""
        if name.serves_subqueues:
            return sum(jobs for queue, jobs in self.running.items() if queue.startswith(name.id))
        return self.running.get(name.id, 0)


def _queues(worker: Mapping[str, Any]) -> Sequence[Any]:
    config = worker.get("config")
    queues = config.get("queues") if isinstance(config, dict) else None
    return queues if isinstance(queues, list) else []


def surroundings(given: Services) -> Surroundings:
    """What is read once."""
    now = given.now()
    return Surroundings(
        given.mrq.pauses.paused(), given.mrq.job_lists.running_by_queue(), given.mrq.workers.alive(MOST_WORKERS),
        given.mrq.queue_limits.limits() if given.mrq.queue_limits is not None else {},
        now, given.mrq.stats_store.samples(now - WINDOW, now + LATELY, MOST_LOOKS),
    )  # fmt: skip


def known_names(given: Services, who: Principal, around: Surroundings) -> tuple[list[str], bool]:
    """Names of queues: configured ones, those with waiting jobs, served ones and paused ones; whether these are all."""
    settings = given.settings
    names = set(settings.raw_queues) | set(settings.queues_config)
    names |= {about["queue"] for about in settings.tasks.values() if about.get("queue")}
    waiting = given.mrq.job_lists.waiting_queues(MOST_QUEUES + 1)
    names |= set(waiting) | set(around.paused)
    names |= {str(queue).removesuffix("_reverse") for worker in around.workers for queue in _queues(worker)}
    seen = sorted(name for name in names if is_name(name) and _is_visible(who, name))
    return seen[:MOST_QUEUES], len(seen) <= MOST_QUEUES and len(waiting) <= MOST_QUEUES


def _is_visible(who: Principal, name: str) -> bool:
    return who.sees(name) or (who.queues is not None and name.endswith("/") and any(q == name for q in who.queues))


def is_name(name: object) -> bool:
    """Whether a text can be the name of a queue."""
    try:
        parse_queue(name)
    except InvalidQueueError:
        return False
    return True


def most_counted(queues: int) -> int:
    """Up to how many jobs the waiting ones of each of so many queues are counted."""
    return min(LOOKED_AT, max(500, KEYS // max(1, queues)))


def queue_model(given: Services, name: QueueName, around: Surroundings, most: int) -> QueueModel:
    """A queue as it is now. `most`: waiting jobs are counted up to this."""
    config = given.mrq.queue_table.get(name.root) or {}
    paused = not around.paused.isdisjoint({name.id, name.root})
    reason, by = _why_paused(given, name) if paused else (None, None)
    raw = name.is_raw
    waiting = JobCount(given.mrq.raw.size(name), exact=True) if raw else _waiting(given, name, most)
    due = None
    if name.type is QueueType.TIMED_SET:
        due = Count(jobs=given.mrq.raw.count_due(name, unix(given.now())), exact=True)
    first = [] if raw or not waiting.jobs else head(given, name, 1)
    limit = around.limits.get(name.root, config.get("max_concurrency"))
    return QueueModel(
        name=name.id,
        type=name.type,
        waiting=Count(jobs=waiting.jobs, exact=waiting.exact),
        lately=around.lately_in(name, waiting),
        due=due,
        running=around.running_in(name),
        paused=paused,
        paused_by=by,
        reason=reason,
        oldest=utc(first[0].datequeued) if first else None,
        workers=around.workers_of(name),
        grows=around.growth_of(name) is not None,
        max_concurrency=limit if isinstance(limit, int) and limit else None,
        limit_is_own=name.root in around.limits,
    )


def waiting_query(name: QueueName) -> JobQuery:
    """The waiting jobs of a regular queue."""
    return JobQuery(JobFilter(queues=frozenset({name.id}), statuses=_QUEUED))


def _waiting(given: Services, name: QueueName, most: int) -> JobCount:
    return given.mrq.job_lists.count(waiting_query(name), most)


def head(given: Services, name: QueueName, limit: int) -> Sequence[Any]:
    """The next jobs of a regular queue."""
    return given.mrq.job_lists.page(waiting_query(name), Order.PLACE, limit).jobs


def target_of(queue: str) -> str:
    """A queue as the audit log names it."""
    return f"queue:{queue}"


def _why_paused(given: Services, name: QueueName) -> tuple[str | None, str | None]:
    for queue in dict.fromkeys((name.id, name.root)):
        for entry in given.mrq.audit.page(1, target=target_of(queue), what=("queue.pause", "queue.resume")):
            if entry.what == "queue.pause":
                return entry.reason or None, entry.who
    return None, None
