"""LogStore: what jobs and workers have written to their logs. Lines may be lost, a job never is for their sake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mrq.domain.loglines import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.loglines import LogLine, LogMark, LogQuery
    from mrq.domain.logplaces import LogPlace

LOGS_SIZE = 16 * 1024 * 1024
"""Bytes of log that are kept by default, as in MRQ 0.9: the oldest go when more comes."""

LOGS_TTL = 7 * 24 * 3600.0
"""Seconds for which logs are kept where the database can't keep to a size."""

SEARCHED = 2_000
"""Pieces that are looked at by one search, at most."""


@dataclass(frozen=True, slots=True)
class LogText:
    """Some lines of one job or of one worker, each with its line break. `id` orders the texts of one owner.

    run: when the run of the job began that wrote them (naive, UTC). marks: of each line, in their order.
    """

    id: JobId
    text: str
    job: JobId | None = None
    worker: WorkerId | None = None
    run: datetime | None = None
    marks: tuple[LogMark, ...] = ()

    def lines(self) -> Iterator[LogLine]:
        """Line by line, with time and level as far as they are known."""
        return lines_of(self.text, self.marks)


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that was looked for, and whose it is."""

    piece: JobId
    line: LogLine
    job: JobId | None = None
    worker: WorkerId | None = None
    run: datetime | None = None


@dataclass(frozen=True, slots=True)
class FoundLines:
    """Newest first. `next`: go on before this piece; None: everything has been looked at. May be empty and have one."""

    lines: tuple[FoundLine, ...]
    next: JobId | None


class LogStore(Protocol):
    """Logs, in pieces as they were flushed. Its size is bounded: the oldest pieces vanish by themselves."""

    def prepare(self) -> str:
        """See that the logs are bounded; how they are, in words. `append` does it if nobody has.

        Raises:
            StoreUnavailableError: not now.
        """
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore. Where there are no logs yet, `prepare` does it."""
        ...

    def missing_indexes(self) -> list[str]:
        """See StatsStore. None while there are no logs."""
        ...

    def append(self, texts: Sequence[LogText]) -> None:
        """Store some pieces. Repeating a call changes nothing: ids decide.

        Raises:
            StoreUnavailableError: it is not known which of them are stored.
            ValueError: one of them can't be stored, such as one that is larger than all logs may be.
        """
        ...

    def read(
        self,
        *,
        job: JobId | None = None,
        worker: WorkerId | None = None,
        after: JobId | LogPlace | None = None,
        limit: int = 1000,
        last: bool = False,
    ) -> list[LogText]:
        """Pieces of a job, or of a worker, oldest first; only those behind the piece, or the place, `after`.

        At most `limit` of them, the first ones, or with `last` the last ones. Behind a piece are those with larger ids,
        in their order: what another process writes late, or in the same second, may not be among them. Behind a place
        is all that was not read, run by run.
        """
        ...

    def search(self, query: LogQuery, limit: int = 200, before: JobId | None = None) -> FoundLines:
        """Lines that fit, newest first, about `limit`: those of one piece are not torn apart.

        At most SEARCHED pieces are looked at; `before` goes on where another search has ended.

        Raises:
            StoreUnavailableError: the database is away, or needs longer than its limit.
        """
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` pieces that should have been deleted before a time, where they are kept for a time and
        not to a size; see JobStore."""
        ...


def found_in(pieces: Sequence[LogText], query: LogQuery, limit: int) -> tuple[list[FoundLine], JobId | None]:
    """The lines of pieces, newest first, until there are `limit`; and the piece that was looked at last."""
    found: list[FoundLine] = []
    last = None
    for piece in pieces:
        last = piece.id
        hits = [line for line in piece.lines() if query.fits(line)]
        found += [FoundLine(piece.id, line, piece.job, piece.worker, piece.run) for line in reversed(hits)]
        if len(found) >= max(1, limit):
            break
    return found, last
