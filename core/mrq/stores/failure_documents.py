"""Groups of failures, from documents of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.ports.failures import MOST_COUNTED, FailedJob, FailureGroup

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

GROUP_FIELDS = ("fingerprint", "path", "exceptiontype", "datefailed", "attempts.message", "attempts.fingerprint")
MEMBER_FIELDS = ("fingerprint", "path", "params", "queue", "datefailed", "attempts.message", "attempts.fingerprint")


def group_of(newest: Mapping[str, Any], jobs: int, first: datetime) -> FailureGroup:
    """A group by its newest member. `jobs`: how many there are, or one more than were counted."""
    return FailureGroup(
        fingerprint=newest["fingerprint"],
        path=newest.get("path") or "",
        exceptiontype=newest.get("exceptiontype") or "unknown",
        jobs=min(jobs, MOST_COUNTED),
        exact=jobs <= MOST_COUNTED,
        first=first,
        last=newest["datefailed"],
        example=newest["_id"],
        message=_message(newest),
    )


def _message(document: Mapping[str, Any]) -> str:
    """What the exception of the last run of the group said."""
    runs, group = document.get("attempts") or (), document["fingerprint"]
    return next((run.get("message") or "" for run in reversed(runs) if run.get("fingerprint") == group), "")


def member_of(document: Mapping[str, Any]) -> FailedJob:
    """A member of a group."""
    get = document.get
    return FailedJob(
        document["_id"], get("path") or "", get("params") or {}, document["datefailed"], get("queue") or "",
        _message(document),
    )  # fmt: skip
