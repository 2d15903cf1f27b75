"""AgentStore on MongoDB: `mrq_agents` and `mrq_workergroups`, with MRQ 0.9's fields."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING, IndexModel, WriteConcern
from pymongo.collection import ReturnDocument

from mrq.domain.agents import AgentStatus
from mrq.ports.agents import MOST_AGENTS, MOST_GROUPS
from mrq.stores import mongo_indexes
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.ids import AgentId
    from mrq.stores.documents import Document

INDEXES = (
    # The agents of a group. Same as MRQ 0.9's, as are the others.
    IndexModel([("worker_group", ASCENDING)], name="worker_group_1"),
    # Agents that don't report any more are forgotten.
    IndexModel([("dateexpires", ASCENDING)], name="dateexpires_1", expireAfterSeconds=0),
)


class MongoAgentStore:
    """See mrq.ports.agents.AgentStore."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        majority = WriteConcern("majority")
        self._agents: Collection[Document] = database.get_collection("mrq_agents", write_concern=majority)
        self._groups: Collection[Document] = database.get_collection("mrq_workergroups", write_concern=majority)

    def _now(self) -> datetime:
        time: datetime = self._database.command("hello")["localTime"]
        return time

    @translated
    def report(self, agent: AgentId, report: Mapping[str, Any], lives: float) -> dict[str, Any]:
        """See AgentStore."""
        now = self._now()
        stamps = {"datereported": now, "dateexpires": now + timedelta(seconds=lives)}
        document = self._agents.find_one_and_update(
            {"_id": agent}, {"$set": {**report, **stamps}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        return document or {"_id": agent, **report, **stamps}

    @translated
    def living(self, group: str) -> list[dict[str, Any]]:
        """See AgentStore. One without `dateexpires` was put there by hand, and lives."""
        now = self._now()
        found = self._agents.find(
            {
                "worker_group": group,
                "status": AgentStatus.STARTED.value,
                "$or": [{"dateexpires": {"$gt": now}}, {"dateexpires": {"$exists": False}}],
            }
        )
        return list(found.limit(MOST_AGENTS))

    @translated
    def assign(self, agent: AgentId, desired: Sequence[str], seen: Sequence[str] | None) -> bool:
        """See AgentStore."""
        unchanged: Any = {"$exists": False} if seen is None else {"$eq": list(seen)}
        done = self._agents.update_one(
            {"_id": agent, "status": AgentStatus.STARTED.value, "desired_workers": unchanged},
            {"$set": {"desired_workers": list(desired), "dateorchestrated": self._now()}},
        )
        return done.matched_count == 1

    @translated
    def fetch(self, agent: AgentId) -> dict[str, Any] | None:
        """See AgentStore."""
        return self._agents.find_one({"_id": agent})

    @translated
    def page(self, skip: int, limit: int) -> list[dict[str, Any]]:
        """See AgentStore."""
        return list(self._agents.find().sort("_id", ASCENDING).skip(max(0, skip)).limit(max(1, limit)))

    @translated
    def groups(self) -> list[dict[str, Any]]:
        """See AgentStore."""
        return list(self._groups.find().sort("_id", ASCENDING).limit(MOST_GROUPS))

    @translated
    def group(self, name: str) -> dict[str, Any] | None:
        """See AgentStore."""
        return self._groups.find_one({"_id": name})

    @translated
    def put_group(self, name: str, document: Mapping[str, Any]) -> None:
        """See AgentStore."""
        self._groups.replace_one({"_id": name}, {**document, "_id": name}, upsert=True)

    @translated
    def remove_group(self, name: str) -> bool:
        """See AgentStore."""
        return self._groups.delete_one({"_id": name}).deleted_count == 1

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See AgentStore."""
        return mongo_indexes.expire(self._agents, INDEXES[1], before, limit)

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See AgentStore."""
        return mongo_indexes.ensure(self._agents, INDEXES, largest)
