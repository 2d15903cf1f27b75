"""What goes wrong: failures in groups, and what the jobs of a group have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.domain.sharedparams import SharedParam, shared_params
from mrq.ports.failures import FailedJob, FailureGroup

if TYPE_CHECKING:
    from mrq.domain.attempt import Attempt

__all__ = [
    "FailedJob",
    "FailureDetails",
    "FailureGroup",
    "SharedParam",
    "attempts",
    "failure_details",
    "failure_groups",
]

COMPARED = 200  # jobs of the group, and of the task


@dataclass(frozen=True, slots=True)
class FailureDetails:
    """A group, its newest jobs, and what their params share that those of all jobs of the task don't."""

    group: FailureGroup
    newest: list[FailedJob]
    shared: list[SharedParam]


def failure_groups(limit: int = 50) -> list[FailureGroup]:
    """Jobs whose last run failed, in groups of the same failure; that of the newest failure first.

    A job leaves its group when it is queued or runs again. Raises ServerUnavailableError.
    """
    return get_app().failures.groups(limit)


def failure_details(fingerprint: str) -> FailureDetails | None:
    """One group; None: no job is in it now. Compares samples of at most 200 jobs. Raises ServerUnavailableError."""
    store = get_app().failures
    group = store.group(fingerprint)
    if group is None:
        return None
    newest = store.members(fingerprint, COMPARED)
    others = store.others(group.path, COMPARED)
    return FailureDetails(group, newest, shared_params([job.params for job in newest], others))


def attempts(job_id: Any) -> tuple[Attempt, ...]:
    """The runs of a job, oldest first; the last 30 and the one that lasts. Empty: it hasn't run, or is not there.

    Raises InvalidJobIdError and ServerUnavailableError.
    """
    app = get_app()
    record = app.jobs.fetch(app.jobs.parse_id(job_id))
    return () if record is None else record.attempts
