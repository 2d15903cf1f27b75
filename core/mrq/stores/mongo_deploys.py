"""Deploys on MongoDB: `mrq_deploys` {_id: time and version, version, at}."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import DESCENDING, WriteConcern

from mrq.ports.deploys import Deploy
from mrq.stores import mongo_indexes
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.stores.documents import Document


class MongoDeploys:
    """See mrq.ports.deploys.Deploys."""

    def __init__(self, database: Database[Document]) -> None:
        self._marks: Collection[Document] = database.get_collection(
            "mrq_deploys", write_concern=WriteConcern("majority")
        )

    @translated
    def mark(self, deploy: Deploy) -> None:
        """See Deploys."""
        name = f"{deploy.at.isoformat()} {deploy.version}"
        self._marks.replace_one({"_id": name}, {"version": deploy.version, "at": deploy.at}, upsert=True)

    @translated
    def between(self, start: datetime, end: datetime, limit: int = 200) -> list[Deploy]:
        """See Deploys."""
        found = self._marks.find({"at": {"$gte": start, "$lt": end}}).sort("at", DESCENDING).limit(max(1, limit))
        return [Deploy(document["version"], document["at"]) for document in found][::-1]

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See Deploys."""
        return mongo_indexes.expire(self._marks, mongo_indexes.DEPLOYS[0], before, limit)

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See Deploys."""
        return mongo_indexes.ensure(self._marks, mongo_indexes.DEPLOYS, largest)
