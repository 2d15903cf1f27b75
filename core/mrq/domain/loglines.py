"""Single lines of a log: when each was written, how grave it is, and which of them are looked for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime


class LogMark(NamedTuple):
    """Of one line in a text of several: `size` in characters, its line break included.

    `at`: naive, UTC; None: not known. `level`: a number of the module `logging`; 0: not known.
    """

    size: int
    at: datetime | None = None
    level: int = 0


@dataclass(frozen=True, slots=True)
class LogLine:
    """What one call has logged: a line, or several when it had a traceback. Without its last line break."""

    text: str
    at: datetime | None = None
    level: int = 0

    @property
    def level_name(self) -> str:
        """Such as "INFO"; "" where it isn't known."""
        return logging.getLevelName(self.level) if self.level else ""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines are looked for; what is left out is not looked at.

    words: text that is in the line, whatever its case. level: the least; lines of which it isn't known fit. since,
    until: naive, UTC; lines of which the time isn't known fit. run: when the run of the job began.
    """

    words: str = ""
    level: int = 0
    job: Any = None
    worker: Any = None
    run: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, line: LogLine) -> bool:
        """Whether a line, of that job or worker, is looked for."""
        if self.words.casefold() not in line.text.casefold() or (line.level and line.level < self.level):
            return False
        if line.at is None:
            return True
        return (self.since is None or line.at >= self.since) and (self.until is None or line.at < self.until)


def lines_of(text: str, marks: Sequence[LogMark]) -> Iterator[LogLine]:
    """The lines of a text. Without marks, as MRQ 0.9 wrote it, each line of it is one."""
    start = 0
    for mark in marks:
        yield LogLine(text[start : start + mark.size].removesuffix("\n"), mark.at, mark.level)
        start += mark.size
    for line in text[start:].splitlines():
        yield LogLine(line)


def level_of(name: str | int) -> int:
    """The number of a level's name. Raises ValueError: it is none."""
    if isinstance(name, int):
        return name
    found = logging.getLevelNamesMapping().get(name.upper())
    if found is None:
        raise ValueError(f"{name!r} is no level of a log line; these are: DEBUG, INFO, WARNING, ERROR, CRITICAL")
    return found
