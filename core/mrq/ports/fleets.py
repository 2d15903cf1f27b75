"""FleetStore: what was decided about the size of each worker group, and why. The memory of the next decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mrq.domain.fleet import Decision, Fleet
    from mrq.domain.queuefigures import QueueFigures

DECISIONS_KEPT: Final = 100
"""Of each group: the last ones that changed something."""


@dataclass(frozen=True, slots=True)
class FleetRecord:
    """One decision, and what it was made from. `at`: naive, UTC."""

    at: datetime
    figures: QueueFigures
    fleet: Fleet
    decision: Decision


@dataclass(frozen=True, slots=True)
class FleetChange:
    """A decision that changed the size of a group."""

    at: datetime
    containers: int
    bursts: int
    reason: str


class FleetStore(Protocol):
    """One record a group. If two decide at once the later one stays, which is harmless.

    Each method raises StoreUnavailableError when the database is away.
    """

    def last(self, group: str) -> FleetRecord | None:
        """The last decision; None: there was none, or it can't be read any more."""
        ...

    def save(self, group: str, record: FleetRecord, *, changed: bool) -> None:
        """Replace the last decision. `changed`: it is one of the changes too."""
        ...

    def changes(self, group: str) -> Sequence[FleetChange]:
        """The last decisions that changed something, latest first."""
        ...
