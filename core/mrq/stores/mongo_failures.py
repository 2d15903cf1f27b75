"""FailureStore on MongoDB: short queries over one partial index. It jumps from group to group, whatever their size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import ExecutionTimeout

from mrq.ports.failures import MOST_COUNTED, MOST_GROUPS
from mrq.stores.failure_documents import GROUP_FIELDS, MEMBER_FIELDS, group_of, member_of
from mrq.stores.mongo_client import translated
from mrq.stores.mongo_sightings import Sightings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from pymongo.database import Database

    from mrq.ports.failures import FailedJob, FailureGroup
    from mrq.stores.documents import Document

LONGEST_LOOK = 2_000  # milliseconds
_BY_GROUP = [("fingerprint", ASCENDING), ("datefailed", ASCENDING)]


class MongoFailureStore:
    """See mrq.ports.failures.FailureStore."""

    def __init__(self, database: Database[Document]) -> None:
        self._jobs = database.get_collection("mrq_jobs")
        self._sightings = Sightings(database)

    @translated
    def groups(self, limit: int = 50) -> list[FailureGroup]:
        """See FailureStore."""
        newest = sorted(self._newest_of_each(), key=lambda job: (job["datefailed"], job["_id"]), reverse=True)
        return self._groups(newest[: max(1, limit)])

    def _newest_of_each(self) -> Iterator[Document]:
        """The newest member of each group."""
        last = ""
        for _ in range(MOST_GROUPS):
            first = self._one({"$gt": last}, _BY_GROUP)
            if first is None:
                return
            last = first["fingerprint"]
            yield self._newest(last) or first

    def _newest(self, fingerprint: str) -> Document | None:
        return self._one(fingerprint, [("datefailed", DESCENDING)])

    def _one(self, fingerprint: Any, order: list[tuple[str, int]]) -> Document | None:
        wanted = {"fingerprint": fingerprint, "datefailed": {"$exists": True}}
        return self._jobs.find_one(wanted, dict.fromkeys(GROUP_FIELDS, 1), sort=order, max_time_ms=LONGEST_LOOK)

    def _groups(self, newest: Sequence[Document]) -> list[FailureGroup]:
        """Of these members. Jobs that have left a group may have been its first."""
        firsts = self._sightings.firsts([job["fingerprint"] for job in newest])
        groups = [self._group(job) for job in newest]
        return [replace(group, first=min(group.first, firsts.get(group.fingerprint, group.first))) for group in groups]

    def _group(self, newest: Document) -> FailureGroup:
        fingerprint = newest["fingerprint"]
        jobs = self._jobs.count_documents(
            {"fingerprint": fingerprint}, limit=MOST_COUNTED + 1, maxTimeMS=LONGEST_LOOK
        )  # fmt: skip
        first = self._one(fingerprint, [("datefailed", ASCENDING)]) or newest
        return group_of(newest, jobs, first["datefailed"])

    @translated
    def group(self, fingerprint: str) -> FailureGroup | None:
        """See FailureStore."""
        newest = self._newest(fingerprint)
        return None if newest is None else self._groups([newest])[0]

    @translated
    def members(self, fingerprint: str, limit: int = 100) -> list[FailedJob]:
        """See FailureStore."""
        found = self._jobs.find({"fingerprint": fingerprint}, dict.fromkeys(MEMBER_FIELDS, 1))
        newest = found.sort([("datefailed", DESCENDING)]).limit(max(1, limit)).max_time_ms(LONGEST_LOOK)
        return [member_of(document) for document in newest]

    @translated
    def times(self, fingerprint: str, since: datetime, limit: int) -> list[datetime]:
        """See FailureStore."""
        wanted = {"fingerprint": fingerprint, "datefailed": {"$gte": since}}
        found = self._jobs.find(wanted, {"_id": 0, "datefailed": 1}).sort([("datefailed", DESCENDING)])
        return [job["datefailed"] for job in found.limit(max(1, limit)).max_time_ms(LONGEST_LOOK)]

    @translated
    def others(self, path: str, limit: int = 200) -> list[Mapping[str, Any]]:
        """See FailureStore."""
        found = self._jobs.find({"path": path}, {"params": 1}).sort("_id", DESCENDING).limit(max(1, limit))
        try:
            return [document.get("params") or {} for document in found.max_time_ms(LONGEST_LOOK)]
        except ExecutionTimeout:  # a task of which there are few jobs among very many
            return []

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See FailureStore."""
        return self._sightings.expire(before, limit)

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See FailureStore."""
        return self._sightings.ensure_indexes(largest)
