"""A log as the page follows it: from its beginning, and on from where an earlier answer ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Query

from mrq.domain.loglines import level_of
from mrq.domain.logplaces import LogPlace
from mrq_dashboard.models import LogLines, LogMarkModel
from mrq_dashboard.shown import utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mrq.domain.ids import JobId
    from mrq.ports.logs import LogText
    from mrq_dashboard.services import Services

LOG_PIECES, LOG_SIZE = 200, 256_000  # characters

LevelName = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogLevel = Annotated[LevelName, Query(description="the least; lines of which it isn't known are there as well")]
LogCursor = Annotated[str | None, Query(max_length=1_000, description="`next` of an earlier answer")]


def log_lines(given: Services, after: str | None, level: LevelName = "DEBUG", **owner: Any) -> LogLines:
    """Some pieces of a log, as many as one answer may hold. Raises InvalidJobIdError: `after` is no cursor."""
    logs, start = given.mrq.logs, _start(given, after)
    if logs is None:
        return LogLines(text="", marks=[], next=after, more=False)
    pieces = logs.read(**owner, after=start, limit=LOG_PIECES)
    texts, marks, size, read = list[str](), list[LogMarkModel](), 0, 0
    for piece in pieces:
        if texts and size + len(piece.text) > LOG_SIZE:
            break
        text, marked = _shown(given, piece, level_of(level))
        texts.append(text)
        marks += marked
        size += len(text)
        read += 1
    more = read < len(pieces) or read == LOG_PIECES
    return LogLines(text="".join(texts), marks=marks, next=_end(start, pieces[:read]) or after, more=more)


def _start(given: Services, after: str | None) -> LogPlace | JobId:
    parse = given.mrq.jobs.parse_id
    if after is None:
        return LogPlace()
    return LogPlace.read(after, parse) or parse(after)


def _end(start: LogPlace | JobId, read: Sequence[LogText]) -> str | None:
    if not read:
        return None
    return start.behind(read).text() if isinstance(start, LogPlace) else str(read[-1].id)


def _shown(given: Services, piece: LogText, least: int) -> tuple[str, list[LogMarkModel]]:
    """A piece without secrets, and what is known of its lines. One that is too long for an answer is cut as a whole."""
    if not piece.marks or len(piece.text) > LOG_SIZE:
        text = given.shower.text(piece.text, LOG_SIZE)
        rows = len(text.removesuffix("\n").split("\n"))
        return text, [LogMarkModel(time=None, level=None, rows=rows, run=utc(piece.run))]
    text, marks = "", []
    for line in piece.lines():
        if line.level and line.level < least:
            continue
        shown = given.shower.text(line.text, LOG_SIZE)
        text += f"{shown}\n"
        rows = shown.count("\n") + 1
        marks.append(LogMarkModel(time=utc(line.at), level=line.level_name or None, rows=rows, run=utc(piece.run)))
    return text, marks
