"""Keys under which a job is queued once, however often it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.change import after
from mrq.domain.status import Status
from mrq.exceptions import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mrq.domain.ids import JobId

LONGEST_KEY = 500  # bytes: older databases limit what an index holds
SHORTEST_LIFE = 30 * 24 * 3600.0
"""A key is remembered at least so long after its last use, in seconds; a job may wait for its turn meanwhile."""

_LIVE = frozenset({Status.QUEUED, Status.STARTED})
_RETURNING = frozenset({Status.RETRY, Status.INTERRUPT})


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """The keys of some jobs, in their order (None: that job has none).

    `ttl`: seconds after a job's end for which its key still means that job. `kept`: seconds for which a key is
    remembered after its last use.
    """

    keys: Sequence[str | None]
    ttl: float = 0.0
    kept: float = SHORTEST_LIFE

    def names(self, path: str) -> list[str | None]:
        """The keys as they are stored: each task has its own.

        Raises:
            InvalidParamsError: a key is not text, is empty, or is too long.
        """
        return [None if key is None else _name(path, key) for key in self.keys]


def _name(path: str, key: object) -> str:
    if not isinstance(key, str) or not key:
        raise InvalidParamsError(
            f"a key of {path} must be text that is not empty, not {key!r}; nothing was queued. For a key made of "
            "several values join them, as in f'{user}:{day}'"
        )
    if len(key.encode("utf-8", "replace")) > LONGEST_KEY:
        raise InvalidParamsError(
            f"a key of {path} is over {LONGEST_KEY} bytes long ({key[:40]!r}...); nothing was queued. Use a hash of it"
        )
    return f"{path}:{key}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands, as far as its key is concerned."""

    id: JobId
    status: Status
    since: datetime | None  # the last change of its status
    dateretry: datetime | None

    def is_over(self, now: datetime, ttl: float) -> bool:
        """Whether the job has ended for good, `ttl` seconds ago or more."""
        if self.status in _LIVE or (self.status in _RETURNING and self.dateretry is not None):
            return False
        return ttl <= 0 or self.since is None or now >= after(self.since, ttl)
