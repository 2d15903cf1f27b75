"""FleetStore on MongoDB: `mrq_fleets`, see fleet_documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from mrq.ports.fleets import DECISIONS_KEPT, FleetChange, FleetRecord
from mrq.stores.fleet_documents import change_of, changes_of, fields_of, record_of
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.stores.documents import Document


class MongoFleetStore:
    """See mrq.ports.fleets.FleetStore."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._fleets: Collection[Document] = database.get_collection(
            "mrq_fleets", write_concern=WriteConcern("majority")
        )

    @translated
    def now(self) -> datetime:
        """See FleetStore."""
        time: datetime = self._database.command("hello")["localTime"]
        return time

    @translated
    def last(self, group: str) -> FleetRecord | None:
        """See FleetStore."""
        document = self._fleets.find_one({"_id": group}, {"changes": 0})
        return None if document is None else record_of(document)

    @translated
    def save(self, group: str, record: FleetRecord, *, changed: bool, seen: FleetRecord | None) -> bool:
        """See FleetStore."""
        update: Document = {"$set": fields_of(record), "$inc": {"revision": 1}}
        if changed:
            update["$push"] = {"changes": {"$each": [change_of(record)], "$slice": -DECISIONS_KEPT}}
        if seen is not None:
            return self._replace(group, seen.revision, update)
        try:
            self._fleets.update_one({"_id": group, "at": {"$exists": False}}, update, upsert=True)
        except DuplicateKeyError:
            there = self._fleets.find_one({"_id": group}, {"changes": 0})
            if there is None or record_of(there) is not None:
                return False
            return self._replace(group, there.get("revision", 0), update)  # another version's
        return True

    def _replace(self, group: str, revision: int, update: Document) -> bool:
        # None fits what isn't there, too
        still = {"_id": group, "revision": revision or {"$in": [0, None]}}
        return self._fleets.update_one(still, update).matched_count == 1

    @translated
    def failed(self, group: str, failure: str) -> None:
        """See FleetStore."""
        self._fleets.update_one({"_id": group}, {"$set": {"failure": failure}})

    @translated
    def changes(self, group: str) -> list[FleetChange]:
        """See FleetStore."""
        return changes_of(self._fleets.find_one({"_id": group}, {"changes": 1}) or {})
