"""How far somebody has read a log that several processes write.

Ids order what one process has written. Those of two processes don't, within a second, and a piece that had to wait for
the database comes late. But one run of a job is one process: so a place in its log is one id for each run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mrq.domain.ids import JobId

MOST_RUNS = 16
"""Runs of one job whose ends a place knows, the newest ones. What older ones write late is not read any more."""

_TEXT = re.compile(r"(?a:(\d{0,20})((?:~[^~.]{1,100}\.\d{0,20})*))~?")
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive and in UTC; that of schedules would load cron for every burst
_MICROSECOND = timedelta(microseconds=1)


class Piece(Protocol):
    """What a log is read in; see mrq.ports.logs.LogText."""

    @property
    def id(self) -> Any:
        """Orders the pieces of one run."""

    @property
    def run(self) -> datetime | None:
        """When the run began; None: written outside of one."""


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Behind the pieces that were read. A new one is the beginning of any log.

    ends: by run, the id of the last piece that was read. floor: all runs that began before it are read.
    """

    ends: Mapping[datetime | None, JobId] = field(default_factory=dict)
    floor: datetime | None = None

    def behind(self, pieces: Iterable[Piece], *, and_all_before: bool = False) -> LogPlace:
        """The place behind these pieces as well, `and_all_before`: and behind all older runs."""
        ends = dict(self.ends)
        for piece in pieces:
            known = ends.get(piece.run)
            if known is None or str(known) < str(piece.id):
                ends[piece.run] = piece.id
        runs = sorted(run for run in ends if run is not None)
        for run in runs[:-MOST_RUNS]:
            del ends[run]
        floor = self.floor
        if runs and (and_all_before or len(runs) > MOST_RUNS):
            oldest = runs[-MOST_RUNS:][0]
            floor = oldest if floor is None else max(floor, oldest)
        return LogPlace(ends, floor)

    def has(self, piece: Piece) -> bool:
        """Whether a piece lies before this place."""
        end = self.ends.get(piece.run)
        if end is not None:
            return str(piece.id) <= str(end)
        return self.floor is not None and piece.run is not None and piece.run < self.floor

    def text(self) -> str:
        """For an address; `LogPlace.read` reads it."""
        ends = (f"{end}.{_number(run)}" for run, end in self.ends.items())
        return "~".join((_number(self.floor), *ends)) if self.ends else f"{_number(self.floor)}~"

    @classmethod
    def read(cls, text: str, id_of: Callable[[str], JobId]) -> LogPlace | None:
        """What `text` has written; None: it is something else. Raises what `id_of` raises."""
        found = _TEXT.fullmatch(text)
        if found is None or "~" not in text:
            return None
        ends = [part.partition(".") for part in found[2].split("~") if part]
        if len(ends) > MOST_RUNS + 1:  # and what belongs to no run
            return None
        try:
            return cls({_moment(run): id_of(end) for end, _, run in ends}, _moment(found[1]))
        except OverflowError:
            return None


def _number(run: datetime | None) -> str:
    return "" if run is None else str((run - EPOCH) // _MICROSECOND)


def _moment(number: str) -> datetime | None:
    return EPOCH + int(number) * _MICROSECOND if number else None
