"""Profiles on MongoDB: `mrq_profiles` {worker, datestarted, seconds, samples, stacks: [[stack, count]]}."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import DESCENDING

from mrq.domain.profile import Profile
from mrq.stores import mongo_indexes
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.ids import JobId, WorkerId
    from mrq.stores.documents import Document


class MongoProfiles:
    """See mrq.ports.profiles.Profiles."""

    def __init__(self, database: Database[Document]) -> None:
        self._profiles: Collection[Document] = database.get_collection("mrq_profiles")

    @translated
    def put(self, profile: Profile) -> None:
        """See Profiles."""
        document = {
            "worker": profile.worker,
            "datestarted": profile.started,
            "seconds": profile.seconds,
            "samples": profile.samples,
            "stacks": [[stack, count] for stack, count in profile.stacks.items()],
        }
        self._profiles.replace_one({"_id": profile.id}, document, upsert=True)

    @translated
    def get(self, profile: JobId) -> Profile | None:
        """See Profiles."""
        document = self._profiles.find_one({"_id": profile})
        return None if document is None else _profile(document)

    @translated
    def newest(self, worker: WorkerId | None = None, limit: int = 20) -> list[Profile]:
        """See Profiles. There are few: they live for a week, and somebody has asked for each."""
        wanted = {} if worker is None else {"worker": worker}
        found = self._profiles.find(wanted).sort("_id", DESCENDING).limit(max(1, limit))
        return [_profile(document) for document in found]

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See Profiles."""
        return mongo_indexes.expire(self._profiles, mongo_indexes.PROFILES[0], before, limit)

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See Profiles."""
        return mongo_indexes.ensure(self._profiles, mongo_indexes.PROFILES, largest)


def _profile(document: Mapping[str, Any]) -> Profile:
    stacks = {str(stack): int(count) for stack, count in document.get("stacks") or ()}
    return Profile(
        document["_id"],
        document["worker"],
        document["datestarted"],
        document["seconds"],
        document["samples"],
        stacks,
    )
