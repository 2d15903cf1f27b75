"""JobKeys: which job a key stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId


class JobKeys(Protocol):
    """Keys by their stored names. A key is forgotten some time after `expires`; every call renews that.

    `hold` and `pass_on` may answer with what a fail-over still undoes. `confirm` is the word that counts.
    """

    def hold(self, wanted: Mapping[str, JobId], expires: datetime) -> dict[str, JobId]:
        """Let each key stand for the given job if it stands for none yet; which job each stands for now.

        A key may be missing from the answer when it was deleted at this moment.
        """
        ...

    def pass_on(self, changes: Mapping[str, tuple[JobId, JobId]], expires: datetime) -> dict[str, JobId]:
        """Let each key stand for the second job if it stands for the first; which job each stands for now."""
        ...

    def confirm(self, held: Mapping[str, JobId], expires: datetime) -> bool:
        """Whether every key stands for the given job, for certain: acknowledged by a majority."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Forget at most `limit` keys that expired before a time; see JobStore."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """Create what lets keys expire, if it is missing; see JobStore."""
        ...
