"""The clock of the machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def unix(moment: datetime) -> float:
    """A time (naive, UTC) in seconds since 1970, as the scores of timed sets are."""
    return moment.replace(tzinfo=UTC).timestamp()


class SystemClock:
    """See mrq.ports.clock.Clock."""

    def now(self) -> datetime:
        """Naive UTC, in milliseconds."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000, tzinfo=None)

    def monotonic(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()
