"""JobLists over the jobs of a MemoryJobStore."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from bson import ObjectId

from mrq.domain.joblist import JobCount, JobPage, JobQuery, Mark, Order, regular_expression
from mrq.domain.status import Status
from mrq.ports.joblists import LOOKED_AT
from mrq.stores import documents
from mrq.stores.job_filters import fits
from mrq.stores.mongo_joblists import queue_of_places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from typing import Any

    from mrq.domain.ids import JobId
    from mrq.stores.documents import Document


class MemoryJobLists:
    """See mrq.ports.joblists.JobLists. Nothing is slow here, so every page is as long as it can be."""

    def __init__(self, all_documents: Callable[[], Iterable[Document]]) -> None:
        """`all_documents`: returns the documents of all jobs, as they are at the call."""
        self._documents = all_documents

    def page(self, query: JobQuery, order: Order, limit: int, after: Mark | None = None) -> JobPage:
        """See JobLists."""
        if order is Order.PLACE:
            queue_of_places(query)
        key, limit = _key(order), max(1, limit)
        found = sorted(self._fitting(query), key=key, reverse=order is Order.NEWEST)
        if after is not None:
            mark = key({"_id": after.id, "queue": after.queue, "datequeued": after.datequeued})
            found = [d for d in found if (key(d) < mark if order is Order.NEWEST else key(d) > mark)]
        kept = found[:limit]
        jobs = tuple(documents.record(_without_large(document)) for document in kept)
        return JobPage(jobs, _mark(kept[-1], order) if len(kept) == limit and len(found) > limit else None)

    def count(self, query: JobQuery, most: int = LOOKED_AT) -> JobCount:
        """See JobLists."""
        jobs = len(self._fitting(query))
        if query.is_everything:
            return JobCount(jobs, exact=False)
        return JobCount(min(jobs, most), exact=jobs <= most)

    def waiting_queues(self, most: int) -> list[str]:
        """See JobLists."""
        waiting = {_root_of(d["queue"]) for d in self._documents() if d["status"] == Status.QUEUED}
        return sorted(waiting)[:most]

    def running_by_queue(self, most: int = LOOKED_AT) -> dict[str, int]:
        """See JobLists."""
        running = [d["queue"] for d in self._documents() if d["status"] == Status.STARTED and "worker" in d]
        return dict(Counter(running[:most]))

    def first_id(self, moment: datetime) -> JobId:
        """See JobLists."""
        return ObjectId.from_datetime(moment)

    def _fitting(self, query: JobQuery) -> list[Document]:
        like = {name.value: re.compile(regular_expression(text), re.DOTALL) for name, text in query.like.items()}
        return [
            document
            for document in self._documents()
            if fits(document, query.which)
            and all(pattern.fullmatch(document.get(name) or "") for name, pattern in like.items())
        ]


def _root_of(queue: str) -> str:
    root, under, _ = queue.partition("/")
    return root + under


def _key(order: Order) -> Callable[[Document], Any]:
    if order is Order.PLACE:
        return lambda document: (document["queue"], document["datequeued"], document["_id"])
    return lambda document: document["_id"]


def _mark(document: Document, order: Order) -> Mark:
    if order is Order.PLACE:
        return Mark(document["_id"], document["queue"], document["datequeued"])
    return Mark(document["_id"])


def _without_large(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in documents.LARGE_FIELDS}
