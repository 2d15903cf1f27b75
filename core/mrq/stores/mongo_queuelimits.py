"""Limits of queues on MongoDB: `mrq_queues` {_id: root queue, max_concurrency}."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import WriteConcern

from mrq.ports.queuelimits import MOST_LIMITS
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.stores.documents import Document


class MongoQueueLimits:
    """See mrq.ports.queuelimits.QueueLimitStore."""

    def __init__(self, database: Database[Document]) -> None:
        self._queues: Collection[Document] = database.get_collection(
            "mrq_queues", write_concern=WriteConcern("majority")
        )

    @translated
    def limits(self) -> dict[str, int]:
        """See QueueLimitStore."""
        found = self._queues.find({"max_concurrency": {"$type": "number"}}).limit(MOST_LIMITS)
        return {document["_id"]: int(document["max_concurrency"]) for document in found}

    @translated
    def limit(self, root: str, jobs: int) -> None:
        """See QueueLimitStore."""
        self._queues.update_one({"_id": root}, {"$set": {"max_concurrency": jobs}}, upsert=True)

    @translated
    def forget(self, root: str) -> None:
        """See QueueLimitStore."""
        self._queues.update_one({"_id": root}, {"$unset": {"max_concurrency": ""}})
