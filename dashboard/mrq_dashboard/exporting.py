"""Lists as files for other programs: CSV for spreadsheets, JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from mrq.exceptions import ServerUnavailableError

MOST_ROWS, PAGE = 10_000, 200
LARGEST = 5_000_000  # characters of an answer, about: AWS Lambda takes 6 MB
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last: full width
"""What a cell may begin with that spreadsheets would run."""

Row = TypeVar("Row", bound=BaseModel)
Cursor = TypeVar("Cursor")


class Format(StrEnum):
    """How a list is written."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def media_type(self) -> str:
        """For the header."""
        return "text/csv; charset=utf-8; header=present" if self is Format.CSV else "application/x-ndjson"


class FileResponse(StreamingResponse):
    """A file, as the API's description names it."""

    media_type = Format.CSV.media_type


RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {}, Format.JSONL.media_type: {}}, "description": "One line an entry"}
}


def file_response(name: str, now: datetime, kind: Format, lines: Iterator[str]) -> FileResponse:
    """A file to take away, named after what is in it and when that was asked."""
    disposition = f'attachment; filename="{name}-{now:%Y%m%d-%H%M%S}.{kind}"'
    return FileResponse(lines, media_type=kind.media_type, headers={"content-disposition": disposition})


def written(
    kind: Format,
    model: type[Row],
    page: Callable[[int, Cursor | None], tuple[list[Row], Cursor | None]],
    text_of: Callable[[Cursor | None], str | None],
    start: Cursor | None,
    limit: int,
) -> Iterator[str]:
    """A list page by page, at most `limit` rows and LARGEST characters; if there are more, or the time is over, the
    last line says so. page: the rows behind a cursor, at most so many, and the cursor behind them (None: all)."""
    left, size, cursor = limit, 0, start
    if line := first_line(kind, model):
        yield line
    try:
        while left > 0 and size < LARGEST:
            rows, cursor = page(min(PAGE, left), cursor)
            text = "".join(lines_of(rows, kind))
            left, size = left - len(rows), size + len(text)
            yield text
            if cursor is None:
                return
    except ServerUnavailableError:
        yield last_line(kind, "MongoDB took too long, there may be more", text_of(cursor))
        return
    yield last_line(kind, "there are more", text_of(cursor))


def lines_of(rows: Iterable[BaseModel], kind: Format) -> Iterator[str]:
    """One line a row."""
    for row in rows:
        yield csv_line(_cells(row)) if kind is Format.CSV else row.model_dump_json() + "\n"


def first_line(kind: Format, model: type[BaseModel]) -> str:
    """What a file begins with."""
    return csv_line(model.model_fields) if kind is Format.CSV else ""


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


def _cells(row: BaseModel) -> Iterator[Any]:
    for name in type(row).model_fields:
        value = getattr(row, name)
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, (dict, list)):
            value = json.dumps(value, ensure_ascii=False)
        yield "" if value is None else value
