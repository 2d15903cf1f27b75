"""Since when nothing has needed attention."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from typing import Final

BREAK: Final = timedelta(minutes=5)  # without a look, after which nobody knows what was in between

Scope = tuple[str, ...] | None  # the queues that somebody sees; None: all


class Calm:
    """Remembers looks at what needs attention. Of this process, and no longer than there were looks without a break."""

    def __init__(self, most: int = 100) -> None:
        """`most`: scopes that are remembered."""
        self._most = most
        self._looking = Lock()
        self._seen: dict[Scope, tuple[datetime, datetime]] = {}  # since when, and the last look

    def look(self, scope: Scope, now: datetime, *, is_calm: bool) -> datetime | None:
        """Remember a look at what people with this scope see; since when it is calm. None: it is not."""
        with self._looking:  # requests are answered in threads
            since, last = self._seen.pop(scope, (now, now))
            if not is_calm:
                return None
            since = since if now - last < BREAK else now
            self._seen[scope] = (since, now)
            while len(self._seen) > self._most:
                del self._seen[next(iter(self._seen))]
            return since
