"""FleetStore on MongoDB: `mrq_fleets`, see fleet_documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import WriteConcern

from mrq.ports.fleets import DECISIONS_KEPT, FleetChange, FleetRecord
from mrq.stores.fleet_documents import change_of, changes_of, fields_of, record_of
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.stores.documents import Document


class MongoFleetStore:
    """See mrq.ports.fleets.FleetStore."""

    def __init__(self, database: Database[Document]) -> None:
        self._fleets: Collection[Document] = database.get_collection(
            "mrq_fleets", write_concern=WriteConcern("majority")
        )

    @translated
    def last(self, group: str) -> FleetRecord | None:
        """See FleetStore."""
        document = self._fleets.find_one({"_id": group}, {"changes": 0})
        return None if document is None else record_of(document)

    @translated
    def save(self, group: str, record: FleetRecord, *, changed: bool) -> None:
        """See FleetStore."""
        update: Document = {"$set": fields_of(record)}
        if changed:
            update["$push"] = {"changes": {"$each": [change_of(record)], "$slice": -DECISIONS_KEPT}}
        self._fleets.update_one({"_id": group}, update, upsert=True)

    @translated
    def changes(self, group: str) -> list[FleetChange]:
        """See FleetStore."""
        return changes_of(self._fleets.find_one({"_id": group}, {"changes": 1}) or {})
