"""FleetStore in memory: documents of MongoDB's shape."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING

from mrq.ports.fleets import DECISIONS_KEPT, FleetChange, FleetRecord
from mrq.stores.fleet_documents import change_of, changes_of, fields_of, record_of

if TYPE_CHECKING:
    from mrq.stores.fleet_documents import Document


class MemoryFleetStore:
    """See mrq.ports.fleets.FleetStore."""

    def __init__(self) -> None:
        self._fleets: dict[str, Document] = {}
        self._lock = threading.Lock()

    def last(self, group: str) -> FleetRecord | None:
        """See FleetStore."""
        with self._lock:
            document = copy.deepcopy(self._fleets.get(group))
        return None if document is None else record_of(document)

    def save(self, group: str, record: FleetRecord, *, changed: bool) -> None:
        """See FleetStore."""
        with self._lock:
            document = self._fleets.setdefault(group, {"_id": group})
            document.update(fields_of(record))
            if changed:
                document["changes"] = [*document.get("changes", ()), change_of(record)][-DECISIONS_KEPT:]

    def changes(self, group: str) -> list[FleetChange]:
        """See FleetStore."""
        with self._lock:
            return changes_of(self._fleets.get(group, {}))
