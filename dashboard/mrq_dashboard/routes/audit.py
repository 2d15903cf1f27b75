"""The log of all actions, as a list and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mrq.domain.ids import JobId
from mrq.ports.audit import AuditEntry
from mrq_dashboard.access import Admin, check_everything
from mrq_dashboard.exporting import MOST_ROWS, RESPONSES, FileResponse, Format, file_response, written
from mrq_dashboard.filters import Text
from mrq_dashboard.services import Given, Services
from mrq_dashboard.shown import utc

router = APIRouter(tags=["actions"])


class AuditEntryModel(BaseModel):
    """One action."""

    id: str
    date: datetime
    who: str
    what: str
    target: str
    about: Any
    reason: str
    count: int | None
    outcome: str


class AuditPage(BaseModel):
    """Actions, newest first."""

    entries: list[AuditEntryModel]
    next: str | None


class AuditFilterModel(BaseModel):
    """Which actions."""

    target: Text | None = Field(None, description="a job's id, `queue:` and a name, and so on")
    user: Text | None = Field(None, description="who has done them")


class AuditQuery(AuditFilterModel):
    """Which actions, and which page of them."""

    limit: int = Field(50, ge=1, le=200)
    after: str | None = Field(None, max_length=100, description="`next` of the page before")


class AuditExportQuery(AuditFilterModel):
    """Which actions, and as what."""

    format: Format = Format.CSV
    limit: int = Field(MOST_ROWS, ge=1, le=MOST_ROWS)
    after: str | None = Field(None, max_length=100, description="what the last line of the file before says")


@router.get("/audit")
def list_audit(given: Given, who: Admin, asked: Annotated[AuditQuery, Query()]) -> AuditPage:
    """Who has done what, newest first."""
    check_everything(who)
    found = _found(given, asked, asked.limit, _start(given, asked.after))
    return AuditPage(entries=_models(found), next=str(found[-1].id) if len(found) == asked.limit else None)


@router.get("/audit/export", response_class=FileResponse, responses=RESPONSES)
def export_audit(given: Given, who: Admin, asked: Annotated[AuditExportQuery, Query()]) -> FileResponse:
    """Who has done what as a file, newest first, at most 10,000 entries and 5 MB. If there are more, or the time is
    over, its last line says so, and how to go on."""
    check_everything(who)

    def page(limit: int, after: JobId | None) -> tuple[list[AuditEntryModel], JobId | None]:
        found = _found(given, asked, limit, after)
        return _models(found), found[-1].id if len(found) == limit else None

    lines = written(asked.format, AuditEntryModel, page, _text, _start(given, asked.after), asked.limit)
    return file_response("audit", given.now(), asked.format, lines)


def _text(after: JobId | None) -> str | None:
    return None if after is None else str(after)


def _start(given: Services, after: str | None) -> JobId | None:
    return None if after is None else given.mrq.jobs.parse_id(after)


def _found(given: Services, asked: AuditFilterModel, limit: int, after: JobId | None) -> list[AuditEntry]:
    return given.mrq.audit.page(limit, after, target=asked.target, who=asked.user)


def _models(found: Sequence[AuditEntry]) -> list[AuditEntryModel]:
    return [
        AuditEntryModel(
            id=str(each.id), date=utc(each.date) or each.date, who=each.who, what=each.what, target=each.target,
            about=each.about, reason=each.reason, count=each.count, outcome=each.outcome,
        )
        for each in found
    ]  # fmt: skip
