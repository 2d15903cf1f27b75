"""How long to wait before something that ended is started again."""

from __future__ import annotations

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 10.0  # seconds
LIVED_WELL = 30.0  # seconds after which an end is not held against the next start


class RestartPauses:
    """Pauses that double after each quick end, up to a limit, and are short again after a good life."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def after(self, lived: float, *, forgiven: bool = False) -> float:
        """Seconds to wait after something that lived for so many. `forgiven`: it was right to end."""
        if forgiven or lived > LIVED_WELL:
            self._next = FIRST_PAUSE
        pause = self._next
        if not forgiven:
            self._next = min(LONGEST_PAUSE, pause * 2)
        return pause
