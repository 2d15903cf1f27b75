"""Lists of jobs to take away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from mrq.domain.joblist import JobQuery, Mark, Order
from mrq.exceptions import ServerUnavailableError
from mrq_dashboard.access import Viewer
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.exporting import Format, first_line, last_line, lines_of
from mrq_dashboard.filters import JobFilterModel, query_of
from mrq_dashboard.marks import mark_of, text_of
from mrq_dashboard.presenting import summary
from mrq_dashboard.services import Given, Services

router = APIRouter(tags=["jobs"])

MOST_JOBS, PAGE = 10_000, 200
LARGEST = 5_000_000  # characters of an answer, about: AWS Lambda takes 6 MB


class ExportQuery(JobFilterModel):
    """Which jobs, and as what."""

    format: Format = Format.CSV
    limit: int = Field(MOST_JOBS, ge=1, le=MOST_JOBS)
    after: str | None = Field(None, max_length=2000, description="what the last line of the file before says")
    order: Order = Order.NEWEST


class FileResponse(StreamingResponse):
    """A file, as the API's description names it."""

    media_type = Format.CSV.media_type


@router.get(
    "/jobs/export",
    response_class=FileResponse,
    responses={200: {"content": {"text/csv": {}, Format.JSONL.media_type: {}}, "description": "One line a job"}},
)
def export_jobs(given: Given, who: Viewer, asked: Annotated[ExportQuery, Query()]) -> StreamingResponse:
    """The jobs that fit as a file, at most 10,000 and 5 MB. If there are more, or the time is over, its last line says
    so, and how to go on."""
    query = query_of(given.mrq, who, given.shower, asked)
    mark = mark_of(asked.after, given.mrq.jobs)
    try:
        given.mrq.job_lists.page(query, asked.order, 1, mark)  # while a refusal can still be answered
    except ValueError as error:
        raise RefusedError(422, "invalid", str(error)) from None
    name = f"jobs-{given.now():%Y%m%d-%H%M%S}.{asked.format}"
    return FileResponse(
        _written(given, query, asked, mark),
        media_type=asked.format.media_type,
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _written(given: Services, query: JobQuery, asked: ExportQuery, mark: Mark | None) -> Iterator[str]:
    kind, left, size = asked.format, asked.limit, 0
    if line := first_line(kind):
        yield line
    try:
        while left > 0 and size < LARGEST:
            page = given.mrq.job_lists.page(query, asked.order, min(PAGE, left), mark)
            text = "".join(lines_of((summary(job, given.shower) for job in page.jobs), kind))
            left, size, mark = left - len(page.jobs), size + len(text), page.next
            yield text
            if mark is None:
                return
    except ServerUnavailableError:
        yield last_line(kind, "MongoDB took too long, there may be more", text_of(mark))
        return
    yield last_line(kind, "there are more", text_of(mark))
