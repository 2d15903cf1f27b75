"""Cursors: where a page ended, as text that means nothing to anybody else."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mrq.domain.joblist import Mark
from mrq.domain.schedule import EPOCH
from mrq_dashboard.errors import RefusedError

if TYPE_CHECKING:
    from mrq.ports.jobs import JobStore

_MILLISECOND = timedelta(milliseconds=1)


def text_of(mark: Mark | None) -> str | None:
    """A mark as text."""
    if mark is None:
        return None
    when = None if mark.datequeued is None else (mark.datequeued - EPOCH) // _MILLISECOND
    written = json.dumps([str(mark.id), mark.queue, when]).encode()
    return base64.urlsafe_b64encode(written).decode().rstrip("=")


def mark_of(text: str | None, jobs: JobStore) -> Mark | None:
    """The mark that `text_of` has written."""
    if text is None:
        return None
    try:
        written = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        job, queue, when = written
        return Mark(jobs.parse_id(job), None if queue is None else str(queue), _moment(when))
    except (ValueError, TypeError, OverflowError):
        raise RefusedError(422, "invalid", "`after` is no cursor of an earlier answer") from None


def _moment(when: object) -> datetime | None:
    return EPOCH + timedelta(milliseconds=when) if isinstance(when, int) else None
