"""Lists of jobs to take away."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from mrq.domain.joblist import Mark, Order
from mrq_dashboard.access import Viewer
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.exporting import MOST_ROWS, RESPONSES, FileResponse, Format, file_response, written
from mrq_dashboard.filters import JobFilterModel, query_of
from mrq_dashboard.marks import mark_of, text_of
from mrq_dashboard.models import JobSummary
from mrq_dashboard.presenting import summary
from mrq_dashboard.services import Given

router = APIRouter(tags=["jobs"])


class ExportQuery(JobFilterModel):
    """Which jobs, and as what."""

    format: Format = Format.CSV
    limit: int = Field(MOST_ROWS, ge=1, le=MOST_ROWS)
    after: str | None = Field(None, max_length=2000, description="what the last line of the file before says")
    order: Order = Order.NEWEST


@router.get("/jobs/export", response_class=FileResponse, responses=RESPONSES)
def export_jobs(given: Given, who: Viewer, asked: Annotated[ExportQuery, Query()]) -> FileResponse:
    """The jobs that fit as a file, at most 10,000 and 5 MB. If there are more, or the time is over, its last line says
    so, and how to go on."""
    query = query_of(given.mrq, who, given.shower, asked)
    start = mark_of(asked.after, given.mrq.jobs)
    try:
        given.mrq.job_lists.page(query, asked.order, 1, start)  # while a refusal can still be answered
    except ValueError as error:
        raise RefusedError(422, "invalid", str(error)) from None

    def page(limit: int, mark: Mark | None) -> tuple[list[JobSummary], Mark | None]:
        found = given.mrq.job_lists.page(query, asked.order, limit, mark)
        return [summary(job, given.shower) for job in found.jobs], found.next

    lines = written(asked.format, JobSummary, page, text_of, start, asked.limit)
    return file_response("jobs", given.now(), asked.format, lines)
