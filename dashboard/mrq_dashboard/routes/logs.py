"""Lines of log, looked for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mrq.domain.loglines import LogQuery, level_of
from mrq.ports.logs import FoundLine, FoundLines
from mrq_dashboard.access import Viewer
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import in_range
from mrq_dashboard.loglines import LevelName
from mrq_dashboard.models import LogLineModel, LogPageModel
from mrq_dashboard.routes.jobs import visible_job
from mrq_dashboard.services import Given, Services
from mrq_dashboard.shown import utc

router = APIRouter(tags=["logs"])

LONGEST_LINE = 20_000  # characters
LONGEST_PAGE = 256_000


class LogSearch(BaseModel):
    """Which lines."""

    words: str = Field("", max_length=1_000, pattern=r"^[^\x00]*$", description="text in them, whatever its case")
    level: LevelName = Field("DEBUG", description="the least")
    job: str | None = Field(None, max_length=100)
    attempt: int | None = Field(None, ge=1, le=1_000, description="of the job: the run of this number, in its attempts")
    worker: str | None = Field(None, max_length=100, description="lines that it wrote outside of jobs")
    since: datetime | None = None
    until: datetime | None = None
    limit: int = Field(100, ge=1, le=500, description="about so many: lines that were written together stay together")
    before: str | None = Field(None, max_length=100, description="`next` of an earlier answer: older lines")


@router.get("/logs")
def search_logs(given: Given, who: Viewer, asked: Annotated[LogSearch, Query()]) -> LogPageModel:
    """Lines of log, newest first, of the newest 2,000 pieces that there are before `before`."""
    parse = given.mrq.jobs.parse_id
    run = None
    if asked.job is not None:
        record = visible_job(given, who, asked.job)
        if asked.attempt is not None:
            if asked.attempt > len(record.attempts):
                raise RefusedError(404, "not_found", f"of this job {len(record.attempts)} runs are known")
            run = record.attempts[asked.attempt - 1].started
    elif who.queues is not None:
        raise RefusedError(403, "scope", f"{who.name} sees single queues only; say which job's log is meant")
    query = LogQuery(
        asked.words,
        level_of(asked.level),
        None if asked.job is None else parse(asked.job),
        None if asked.worker is None else parse(asked.worker),
        run,
        in_range(asked.since),
        in_range(asked.until),
    )
    logs, before = given.mrq.logs, None if asked.before is None else parse(asked.before)
    return _page(given, FoundLines((), None) if logs is None else logs.search(query, asked.limit, before))


def _page(given: Services, found: FoundLines) -> LogPageModel:
    lines: list[LogLineModel] = []
    size = 0
    for each in found.lines:
        if size > LONGEST_PAGE:  # the rest of a large piece; its own job's log has it
            break
        lines.append(_line(given, each))
        size += len(lines[-1].text)
    return LogPageModel(lines=lines, next=None if found.next is None else str(found.next))


def _line(given: Services, found: FoundLine) -> LogLineModel:
    return LogLineModel(
        time=utc(found.line.at),
        level=found.line.level_name or None,
        text=given.shower.text(found.line.text, LONGEST_LINE),
        job=None if found.job is None else str(found.job),
        run=utc(found.run),
        worker=None if found.worker is None else str(found.worker),
    )
