"""FailureStore over the jobs of a MemoryJobStore."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from mrq.ports.failures import MOST_GROUPS
from mrq.stores.failure_documents import group_of, member_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mrq.ports.failures import FailedJob, FailureGroup
    from mrq.stores.documents import Document


class MemoryFailureStore:
    """See mrq.ports.failures.FailureStore."""

    def __init__(self, documents: Callable[[], Iterable[Document]]) -> None:
        """`documents`: returns the documents of all jobs, as they are at the call."""
        self._documents = documents

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
        return [_group(jobs) for jobs in newest[: max(1, limit)]]

    def group(self, fingerprint: str) -> FailureGroup | None:
        """See FailureStore."""
        jobs = self._by_group().get(fingerprint)
        return None if jobs is None else _group(jobs)

    def members(self, fingerprint: str, limit: int = 100) -> list[FailedJob]:
        """See FailureStore."""
        return [member_of(document) for document in self._by_group().get(fingerprint, [])[: max(1, limit)]]

    def others(self, path: str, limit: int = 200) -> list[Mapping[str, Any]]:
        """See FailureStore."""
        of_task = sorted((d for d in self._documents() if d["path"] == path), key=lambda d: d["_id"], reverse=True)
        return [document.get("params") or {} for document in of_task[: max(1, limit)]]


def _group(jobs: list[Document]) -> FailureGroup:
    return group_of(jobs[0], len(jobs), jobs[-1]["datefailed"])


def _failed_at(document: Document) -> tuple[Any, Any]:
    return document["datefailed"], document["_id"]
