"""FleetStore in memory: documents of MongoDB's shape."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING

from mrq.ports.fleets import DECISIONS_KEPT, FleetChange, FleetRecord
from mrq.stores.fleet_documents import change_of, changes_of, fields_of, record_of
from mrq.stores.memory_agents import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.stores.fleet_documents import Document


class MemoryFleetStore:
    """See mrq.ports.fleets.FleetStore."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        """`now`: naive, UTC."""
        self.now = now
        self._fleets: dict[str, Document] = {}
        self._lock = threading.Lock()

    def last(self, group: str) -> FleetRecord | None:
        """See FleetStore."""
        with self._lock:
            document = copy.deepcopy(self._fleets.get(group))
        return None if document is None else record_of(document)

    def save(self, group: str, record: FleetRecord, *, changed: bool, seen: FleetRecord | None) -> bool:
        """See FleetStore."""
        with self._lock:
            document = self._fleets.get(group, {})
            last = record_of(document)
            if (last and last.revision) != (seen and seen.revision):
                return False
            document = self._fleets.setdefault(group, {"_id": group})
            document.update(fields_of(record), revision=document.get("revision", 0) + 1)
            if changed:
                document["changes"] = [*document.get("changes", ()), change_of(record)][-DECISIONS_KEPT:]
            return True

    def failed(self, group: str, failure: str) -> None:
        """See FleetStore."""
        with self._lock:
            if group in self._fleets:
                self._fleets[group]["failure"] = failure

    def changes(self, group: str) -> list[FleetChange]:
        """See FleetStore."""
        with self._lock:
            return changes_of(self._fleets.get(group, {}))
