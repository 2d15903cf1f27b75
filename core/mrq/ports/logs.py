"""LogStore: what jobs and workers have written to their logs. Lines may be lost, a job never is for their sake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mrq.domain.ids import JobId, WorkerId

LOGS_SIZE = 16 * 1024 * 1024
"""Bytes of log that are kept by default, as in MRQ 0.9: the oldest go when more comes."""

LOGS_TTL = 7 * 24 * 3600.0
"""Seconds for which logs are kept where the database can't keep to a size."""


@dataclass(frozen=True, slots=True)
class LogText:
    """Some lines of one job or of one worker, each with its line break. `id` orders the texts of one owner."""

    id: JobId
    text: str
    job: JobId | None = None
    worker: WorkerId | None = None


class LogStore(Protocol):
    """Logs, in pieces as they were flushed. Its size is bounded: the oldest pieces vanish by themselves."""

    def prepare(self) -> str:
        """See that the logs are bounded; how they are, in words. `append` does it if nobody has.

        Raises:
            StoreUnavailableError: not now.
        """
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
        after: JobId | None = None,
        limit: int = 1000,
        last: bool = False,
    ) -> list[LogText]:
        """Pieces of a job, or of a worker, oldest first; only those behind the piece `after`.

        At most `limit` of them, the first ones, or with `last` the last ones.
        """
        ...
