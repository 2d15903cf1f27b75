"""Groups of failures, from documents of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.ports.failures import MOST_COUNTED, FailedJob, FailureGroup

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

GROUP_FIELDS = ("fingerprint", "path", "exceptiontype", "datefailed", "attempts.message", "attempts.fingerprint")
MEMBER_FIELDS = ("path", "params", "datefailed")


def group_of(newest: Mapping[str, Any], jobs: int, first: datetime) -> FailureGroup:
    """A group by its newest member. `jobs`: how many there are, or one more than were counted."""
    runs = newest.get("attempts") or ()
    message = next(
        (run.get("message") for run in reversed(runs) if run.get("fingerprint") == newest["fingerprint"]), ""
    )
    return FailureGroup(
        fingerprint=newest["fingerprint"],
        path=newest.get("path") or "",
        exceptiontype=newest.get("exceptiontype") or "unknown",
        jobs=min(jobs, MOST_COUNTED),
        exact=jobs <= MOST_COUNTED,
        first=first,
        last=newest["datefailed"],
        example=newest["_id"],
        message=message or "",
    )


def member_of(document: Mapping[str, Any]) -> FailedJob:
    """A member of a group."""
    return FailedJob(document["_id"], document.get("path") or "", document.get("params") or {}, document["datefailed"])
