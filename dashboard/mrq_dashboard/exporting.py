"""Lists of jobs as files for other programs: CSV for spreadsheets, JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

from mrq_dashboard.models import JobSummary

COLUMNS = tuple(JobSummary.model_fields)
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last: full width
"""What a cell may begin with that spreadsheets would run."""


class Format(StrEnum):
    """How a list is written."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def media_type(self) -> str:
        """For the header."""
        return "text/csv; charset=utf-8; header=present" if self is Format.CSV else "application/x-ndjson"


def lines_of(jobs: Iterable[JobSummary], kind: Format) -> Iterator[str]:
    """One line a job."""
    for job in jobs:
        yield csv_line(_cells(job)) if kind is Format.CSV else job.model_dump_json() + "\n"


def first_line(kind: Format) -> str:
    """What a file begins with."""
    return csv_line(COLUMNS) if kind is Format.CSV else ""


def last_line(kind: Format, text: str, after: str | None) -> str:
    """Says that there is more, and how to go on: give `after`."""
    if kind is Format.CSV:
        return csv_line([f"# {text}" + (f"; go on with after={after}" if after else "")])
    return json.dumps({"cut": text, "next": after}) + "\n"


def csv_line(cells: Iterable[Any]) -> str:
    """A line of cells, none of which a spreadsheet takes for a formula."""
    line = io.StringIO()
    csv.writer(line).writerow([harmless(cell) for cell in cells])
    return line.getvalue()


def harmless(cell: Any) -> Any:
    """A cell that is text and nothing else, if it is text."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(FORMULAS) else cell


def _cells(job: JobSummary) -> Iterator[Any]:
    for name in COLUMNS:
        value = getattr(job, name)
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, (dict, list)):
            value = json.dumps(value, ensure_ascii=False)
        yield "" if value is None else value
