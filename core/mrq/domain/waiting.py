"""How long a job stays away that may not start now. Chance is an argument: a number from 0 up to 1."""

from __future__ import annotations

SHORTEST, LONGEST = 0.5, 10.0
FOR_EACH = 0.05  # seconds for each job that waits as well


def pause_for_permit(refused: int, chance: float) -> float:
    """Seconds until a job asks for a permit again, when so many were refused since the last one was granted:
    the longer the line, the less often each asks."""
    return min(LONGEST, SHORTEST + FOR_EACH * refused) * (0.5 + chance)


def pause_for_server(chance: float) -> float:
    """Seconds until a job asks again whose permit or turn could not be asked for."""
    return 2.0 + 3.0 * chance
