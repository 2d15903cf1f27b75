"""FleetStore: what was decided about the size of each worker group, and why. The memory of the next decision."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    """One decision, and what it was made from. `at`: naive, UTC. `failure`: why it could not be carried out; "": it
    could. `revision`: the store's."""

    at: datetime
    figures: QueueFigures
    fleet: Fleet
    decision: Decision
    failure: str = ""
    revision: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FleetChange:
    """A decision that changed the size of a group."""

    at: datetime
    containers: int
    bursts: int
    reason: str


class FleetStore(Protocol):
    """One record a group. Of two that decide at once, from the same last decision, one is told that it came too late.

    Each method raises StoreUnavailableError when the database is away.
    """

    def now(self) -> datetime:
        """The database's clock (naive, UTC): two that size a group with clocks of their own would measure patience by
        the difference between these."""
        ...

    def last(self, group: str) -> FleetRecord | None:
        """The last decision; None: there was none, or it can't be read any more."""
        ...

    def save(self, group: str, record: FleetRecord, *, changed: bool, seen: FleetRecord | None) -> bool:
        """Replace the last decision if it is still the one that was `seen` (None: there was none that could be read).
        `changed`: it is one of the changes too. False: somebody else has decided meanwhile, nothing was written."""
        ...

    def failed(self, group: str, failure: str) -> None:
        """Note that the last decision could not be carried out, and why."""
        ...

    def changes(self, group: str) -> Sequence[FleetChange]:
        """The last decisions that changed something, latest first."""
        ...
