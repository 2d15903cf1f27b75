"""FailureStore over the jobs of a MemoryJobStore."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from mrq.ports.failures import MOST_GROUPS, SIGHTINGS_KEPT
from mrq.stores.failure_documents import group_of, member_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from mrq.ports.failures import FailedJob, FailureGroup
    from mrq.stores.documents import Document


class MemoryFailureStore:
    """See mrq.ports.failures.FailureStore."""

    def __init__(self, documents: Callable[[], Iterable[Document]], sightings: dict[str, Sighting]) -> None:
        """`documents`: returns the documents of all jobs, as they are at the call; `sightings`: by fingerprint."""
        self._documents = documents
        self._sightings = sightings

    def _by_group(self) -> dict[str, list[Document]]:
        """Members, newest first, by fingerprint."""
        found: dict[str, list[Document]] = defaultdict(list)
        failed = [document for document in self._documents() if "fingerprint" in document]
        for document in sorted(failed, key=_failed_at, reverse=True):
            found[document["fingerprint"]].append(document)
        return dict(sorted(found.items())[:MOST_GROUPS])

    def groups(self, limit: int = 50) -> list[FailureGroup]:
        """See FailureStore."""
        newest = sorted(self._by_group().values(), key=lambda jobs: _failed_at(jobs[0]), reverse=True)
        return [self._group(jobs) for jobs in newest[: max(1, limit)]]

    def group(self, fingerprint: str) -> FailureGroup | None:
        """See FailureStore."""
        jobs = self._by_group().get(fingerprint)
        return None if jobs is None else self._group(jobs)

    def _group(self, jobs: list[Document]) -> FailureGroup:
        oldest = jobs[-1]["datefailed"]
        sighting = self._sightings.get(jobs[0]["fingerprint"])
        return group_of(jobs[0], len(jobs), oldest if sighting is None else min(oldest, sighting.first))

    def members(self, fingerprint: str, limit: int = 100) -> list[FailedJob]:
        """See FailureStore."""
        return [member_of(document) for document in self._by_group().get(fingerprint, [])[: max(1, limit)]]

    def times(self, fingerprint: str, since: datetime, limit: int) -> list[datetime]:
        """See FailureStore."""
        failed = [document["datefailed"] for document in self._by_group().get(fingerprint, [])]
        return [moment for moment in failed if moment >= since][: max(1, limit)]

    def others(self, path: str, limit: int = 200) -> list[Mapping[str, Any]]:
        """See FailureStore."""
        of_task = sorted((d for d in self._documents() if d["path"] == path), key=lambda d: d["_id"], reverse=True)
        return [document.get("params") or {} for document in of_task[: max(1, limit)]]

    def expire(self, before: datetime, limit: int) -> int:
        """See FailureStore."""
        over = [name for name, each in self._sightings.items() if each.last < before - SIGHTINGS_KEPT][: max(1, limit)]
        for name in over:
            del self._sightings[name]
        return len(over)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See FailureStore."""
        return []


class Sighting(NamedTuple):
    """When a kind of failure was seen first, and last."""

    first: datetime
    last: datetime

    @classmethod
    def of(cls, at: datetime, before: Sighting | None) -> Sighting:
        """With one more failure."""
        return cls(at, at) if before is None else cls(min(before.first, at), max(before.last, at))


def _failed_at(document: Document) -> tuple[Any, Any]:
    return document["datefailed"], document["_id"]
