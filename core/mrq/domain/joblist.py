"""Lists of jobs as people page through them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mrq.domain.jobfilter import JobFilter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId
    from mrq.domain.job import JobRecord


class Order(StrEnum):
    """How a list is sorted. Each order is that of an index."""

    NEWEST = "newest"  # by id, which is by age
    OLDEST = "oldest"
    PLACE = "place"  # the first to be taken from a queue first; for queued jobs of one queue or root only


class Pattern(StrEnum):
    """Fields that may be looked for by a text with `*` in it."""

    PATH = "path"
    QUEUE = "queue"
    EXCEPTIONTYPE = "exceptiontype"


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs are listed. `like`: texts in which `*` stands for any text, beside what `which` says."""

    which: JobFilter = field(default_factory=JobFilter)
    like: Mapping[Pattern, str] = field(default_factory=dict)

    @property
    def is_everything(self) -> bool:
        """Whether it fits every job."""
        return self.which == JobFilter() and not self.like


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page ended. `queue` and `datequeued` are needed in the order of places."""

    id: JobId
    queue: str | None = None
    datequeued: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, without their results and tracebacks.

    `next`: go on behind this (None: that was all). A page may be shorter than asked for, even empty, and still have a
    `next`: only so many jobs are looked at for one page.
    """

    jobs: tuple[JobRecord, ...]
    next: Mark | None


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs there are; if not `exact`, at least so many."""

    jobs: int
    exact: bool


def regular_expression(pattern: str) -> str:
    """What a text with `*` in it fits, as a regular expression for the whole text."""
    return "^" + ".*".join(re.escape(part) for part in pattern.split("*")) + "$"
