"""Queues: sizes, what is in them, pausing, emptying. Names stand in the query: they may hold slashes."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mrq.domain.queuename import QueueName, QueueType, parse_queue
from mrq.engine.clock import unix
from mrq.ports.joblists import LOOKED_AT
from mrq.queue import Queue, QueueRaw
from mrq_dashboard.access import Admin, Operator, Viewer, check_queue
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import Text
from mrq_dashboard.identity import Principal
from mrq_dashboard.models import Count, Distribution, Done, Head, QueueDetail, Queues, Slice, SubqueueSize
from mrq_dashboard.presenting import summary
from mrq_dashboard.queues import head, known_names, most_counted, queue_model, surroundings, target_of, waiting_query
from mrq_dashboard.services import Given, Services

router = APIRouter(tags=["queues"])

MOST_SUBQUEUES = 100
WEEK = 7 * 24 * 3600.0
LARGEST = 1e15
Name = Annotated[Text, Query(description="The queue's name; `q/` means all subqueues of q")]


@router.get("/queues")
def list_queues(given: Given, who: Viewer) -> Queues:
    """Queues that are configured, served or paused, or in which jobs wait."""
    around = surroundings(given)
    names, complete = known_names(given, who, around)
    most = most_counted(len(names))
    return Queues(queues=[queue_model(given, parse_queue(name), around, most) for name in names], complete=complete)


@router.get("/queues/detail")
def get_queue(given: Given, who: Viewer, name: Name) -> QueueDetail:
    """One queue, with its subqueues."""
    queue = _visible(who, name)
    model = queue_model(given, queue, surroundings(given), LOOKED_AT)
    config = {key: str(value) if callable(value) else value for key, value in _config(given, queue).items()}
    return QueueDetail(
        **model.model_dump(),
        subqueues=_subqueues(given, who, queue),
        retry_queue=Queue(queue.id).get_retry_queue(),
        config=given.shower.value(config, 5_000),
    )


def _config(given: Services, queue: QueueName) -> dict[str, object]:
    return dict(given.mrq.queue_table.get(queue.root) or {})


def _subqueues(given: Services, who: Principal, queue: QueueName) -> list[SubqueueSize]:
    if queue.is_subqueue and not queue.serves_subqueues:
        return []
    if queue.is_raw:
        known = given.mrq.raw.subqueues(queue.root) if _config(given, queue).get("has_subqueues") else set()
    else:
        known = given.mrq.jobs.subqueues(queue.root)
    names = [name for name in sorted(known) if who.sees(name)][:MOST_SUBQUEUES]
    sizes = []
    for name in names:
        if queue.is_raw:
            size = Count(jobs=given.mrq.raw.size(parse_queue(name)), exact=True)
        else:
            size = queue_size(given, name)
        sizes.append(SubqueueSize(name=name, size=size))
    return sizes


def queue_size(given: Services, name: str) -> Count:
    """What waits in a regular queue, counted up to 1,000."""
    model = given.mrq.job_lists.count(waiting_query(parse_queue(name)), 1_000)
    return Count(jobs=model.jobs, exact=model.exact)


@router.get("/queues/head")
def get_queue_head(given: Given, who: Viewer, name: Name, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Head:
    """What leaves a queue next."""
    queue = _visible(who, name)
    if not queue.is_raw:
        return Head(jobs=[summary(job, given.shower) for job in head(given, queue, limit)], payloads=[])
    payloads = given.mrq.raw.waiting(queue, 0, limit)
    return Head(jobs=[], payloads=[given.shower.text(each.decode(errors="replace"), 2_000) for each in payloads])


@router.get("/queues/distribution")
def get_queue_distribution(
    given: Given,
    who: Viewer,
    name: Name,
    start: Annotated[float | None, Query(ge=-LARGEST, le=LARGEST)] = None,
    end: Annotated[float | None, Query(ge=-LARGEST, le=LARGEST)] = None,
    slices: Annotated[int, Query(ge=1, le=200)] = 30,
) -> Distribution:
    """How the scores of a sorted or timed set are spread; by default a week around now, or 0 to 100."""
    queue, now = _visible(who, name), given.now()
    timed = queue.type is QueueType.TIMED_SET
    middle = math.floor(unix(now)) if timed else 50.0
    start = (middle - (WEEK if timed else 50.0)) if start is None else start
    end = (middle + (WEEK if timed else 50.0)) if end is None else end
    if not start < end:
        raise RefusedError(422, "invalid", "start should be below end")
    found = Queue(queue.id).get_sorted_graph(start, end, slices, include_inf=True)
    width = (end - start) / slices
    edges: list[float | None] = [None, *(start + number * width for number in range(slices)), end, None]
    return Distribution(slices=[Slice(start=edges[n], end=edges[n + 1], jobs=jobs) for n, jobs in enumerate(found)])


class QueueWish(BaseModel):
    """A queue, and why."""

    name: Text
    reason: str = Field("", max_length=500)


class Limiting(QueueWish):
    """So many jobs at once."""

    max_concurrency: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        description="0: any number; null: as many as the configuration says"
    )


class Emptying(QueueWish):
    """`confirm`: the queue's name again."""

    confirm: str = Field(max_length=1000)


@router.post("/queues/pause")
def pause_queue(given: Given, who: Operator, wish: QueueWish) -> Done:
    """Let no worker take from it. A root's pause holds for its subqueues."""
    queue, paused = _pausable(who, wish.name)
    queue.pause()
    given.note(who, "queue.pause", target_of(paused), reason=wish.reason)
    return Done()


@router.post("/queues/resume")
def resume_queue(given: Given, who: Operator, wish: QueueWish) -> Done:
    """Let workers take from it again."""
    queue, resumed = _pausable(who, wish.name)
    queue.resume()
    given.note(who, "queue.resume", target_of(resumed), reason=wish.reason)
    return Done()


@router.post("/queues/limit")
def limit_queue(given: Given, who: Operator, wish: Limiting) -> Done:
    """Let at most so many jobs of a root queue, its subqueues included, run at once."""
    queue = Queue(_visible(who, wish.name).id)
    if queue.name.is_subqueue:
        raise RefusedError(422, "subqueue", f"a limit holds for a root queue and all its subqueues: {queue.root_id}")
    queue.set_max_concurrency(wish.max_concurrency)
    about = {"max_concurrency": wish.max_concurrency}
    given.note(who, "queue.limit", target_of(queue.root_id), about, reason=wish.reason)
    return Done()


@router.post("/queues/empty")
def empty_queue(given: Given, who: Admin, wish: Emptying) -> Done:
    """Delete all that waits in a raw queue. Jobs of regular queues are cancelled, by an operation."""
    queue = Queue(_visible(who, wish.name).id)
    if not isinstance(queue, QueueRaw):
        raise RefusedError(
            422, "regular_queue", "the jobs of a regular queue are cancelled, not deleted: POST /api/v1/operations "
            "with action cancel, this queue and status queued",
        )  # fmt: skip
    if wish.confirm != wish.name:
        raise RefusedError(422, "confirm", "confirm should be the queue's name")
    gone = queue.empty()
    given.note(who, "queue.empty", target_of(queue.id), reason=wish.reason, count=gone)
    return Done()


def _pausable(who: Principal, name: str) -> tuple[Queue, str]:
    """A queue and the name that is paused, if he may: a root stands for its subqueues, also for those that he doesn't
    see."""
    queue = Queue(_visible(who, name).id)
    if not queue.name.serves_subqueues:
        return queue, queue.id
    if queue.id != f"{queue.root_id}/":
        raise RefusedError(422, "subqueue", f"{queue.id!r} can't be paused alone; name {queue.root_id} or one subqueue")
    check_queue(who, queue.root_id)
    return queue, queue.root_id


def _visible(who: Principal, name: str) -> QueueName:
    queue = parse_queue(name)
    check_queue(who, queue.id)
    return queue
