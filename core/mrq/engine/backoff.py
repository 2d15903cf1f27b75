"""How long to wait before asking an unavailable server again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Doubles from `first` to `longest` seconds, and starts again after a success."""

    first: float = 0.05
    longest: float = 2.0
    _next: float = 0.0

    def failed(self) -> float:
        """Note a failure; seconds to wait now."""
        self._next = min(self.longest, self._next * 2 or self.first)
        return self._next

    def worked(self) -> bool:
        """Note a success; whether there had been failures before it."""
        had, self._next = self._next > 0, 0.0
        return had
