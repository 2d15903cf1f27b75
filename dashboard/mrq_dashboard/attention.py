"""What needs attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from mrq.domain.queuename import parse_queue
from mrq_dashboard.failuremodels import FailureGroup
from mrq_dashboard.identity import Principal
from mrq_dashboard.models import Attention, QueueModel, Severity, WorkerModel
from mrq_dashboard.queues import Surroundings
from mrq_dashboard.scheduleruns import is_late, queue_of
from mrq_dashboard.services import Services

if TYPE_CHECKING:
    from datetime import datetime

LATELY: Final = timedelta(hours=1)
MOST_LATE: Final = 50  # schedules


def attention(
    given: Services,
    who: Principal,
    around: Surroundings,
    queues: Sequence[QueueModel],
    workers: Sequence[WorkerModel],
    groups: Sequence[FailureGroup],
) -> list[Attention]:
    """All that somebody should look at, most urgent first."""
    found = [
        *_silent(workers), *_of_queues(queues, around), *_failing(groups, around.now), *_late(given, who, around.now),
        *_without_index(given),
    ]  # fmt: skip
    return sorted(found, key=lambda each: each.severity is not Severity.BAD)


def _silent(workers: Sequence[WorkerModel]) -> Iterator[Attention]:
    for worker in workers:
        if worker.is_late:
            text = f"silent for {worker.silent:.0f} s; {_jobs(worker.busy)} {_were(worker.busy)} started there"
            yield _item("silent_worker", Severity.BAD, worker.id, f"Worker {worker.name} is {text}", worker.reported)


def _of_queues(queues: Sequence[QueueModel], around: Surroundings) -> Iterator[Attention]:
    for queue in queues:
        grows = around.growth_of(parse_queue(queue.name)) if queue.grows else None
        if grows is not None:
            text = f"{queue.name} grows: {_jobs(grows.before)} waited there, now {grows.now:,}"
            yield _item("growing_queue", Severity.WARNING, queue.name, text, grows.since)
        if is_unserved(queue):
            many = queue.waiting
            wait = "waits" if many.jobs == 1 and many.exact else "wait"
            text = f"Nothing serves {queue.name}, in which {_jobs(many.jobs, exact=many.exact)} {wait}"
            yield _item("unserved_queue", Severity.BAD, queue.name, text, queue.oldest)
        if queue.paused:
            by = f" by {queue.paused_by}" if queue.paused_by else ""
            why = f": {queue.reason}" if queue.reason else ""
            yield _item("paused_queue", Severity.WARNING, queue.name, f"{queue.name} is paused{by}{why}", None)


def _failing(groups: Sequence[FailureGroup], now: datetime) -> Iterator[Attention]:
    for group in groups:
        if group.last is not None and group.last >= now.replace(tzinfo=UTC) - LATELY:
            text = f"{group.exceptiontype} in {group.task}: {_jobs(group.jobs, exact=group.exact)} failed like that"
            yield _item("failures", Severity.BAD, group.fingerprint, text, group.first)


def _late(given: Services, who: Principal, now: datetime) -> Iterator[Attention]:
    for state in given.mrq.schedules.due(now, MOST_LATE):
        if is_late(state, now) and who.sees(queue_of(given, state)):
            text = f"{state.schedule.name or state.schedule.path} is late: does a worker run with --scheduler?"
            yield _item("late_schedule", Severity.BAD, state.id.hex(), text, state.next)


def _without_index(given: Services) -> Iterator[Attention]:
    for name in given.mrq.jobs.missing_indexes():
        text = f"The index {name} is missing; workers make it, or mrq run mrq.basetasks.indexes.EnsureIndexes"
        yield _item("no_index", Severity.WARNING, name, text, None)


def is_unserved(queue: QueueModel) -> bool:
    """Whether jobs wait where nobody takes them."""
    return bool(queue.waiting.jobs) and not queue.workers and not queue.paused


def _jobs(many: int, *, exact: bool = True) -> str:
    """`1 job`, `at least 500 jobs`: what was counted up to a limit may be more."""
    return f"{'' if exact else 'at least '}{many:,} {'job' if many == 1 else 'jobs'}"


def _were(many: int) -> str:
    return "was" if many == 1 else "were"


def _item(kind: str, severity: Severity, target: str, text: str, since: datetime | None) -> Attention:
    moment = since if since is None or since.tzinfo is not None else since.replace(tzinfo=UTC)
    return Attention(kind=kind, severity=severity, target=target, text=text, since=moment)
