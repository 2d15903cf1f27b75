"""ScheduleStore on MongoDB: `mrq_scheduled_jobs`. Every write that decides something is conditional."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bson import ObjectId
from pymongo import ASCENDING, IndexModel, WriteConcern
from pymongo.errors import DuplicateKeyError

from mrq.domain.schedule import first_state, schedule_id
from mrq.ports.schedules import Synced
from mrq.stores import mongo_indexes, schedule_documents
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.schedule import Schedule, ScheduleState
    from mrq.ports.schedules import Step
    from mrq.stores.schedule_documents import Document

INDEXES = (
    # One document a schedule. Same as MRQ 0.9's.
    IndexModel([("hash", ASCENDING)], name="hash_1", unique=True),
    # What is due, most urgent first; schedules that never come again are not in it.
    IndexModel([("datenext", ASCENDING)], name="datenext_1", sparse=True),
)
MOST = 10_000  # schedules of one configuration; a sync reads them all


class MongoScheduleStore:
    """See mrq.ports.schedules.ScheduleStore."""

    def __init__(self, database: Database[Document]) -> None:
        self._schedules: Collection[Document] = database.get_collection(
            "mrq_scheduled_jobs", write_concern=WriteConcern("majority")
        )

    @translated
    def sync(self, wanted: Sequence[Schedule], now: datetime) -> Synced:
        """See ScheduleStore. Documents are recognised by what they say, so those of MRQ 0.9 are taken over."""
        done = Synced()
        stored = {
            schedule_documents.state_of(document, now).schedule.identity: document
            for document in self._schedules.find({"runtime": {"$exists": False}}).limit(MOST)
        }
        for schedule in wanted:
            document = stored.pop(schedule.identity, None)
            if document is None:
                if self._insert(first_state(schedule, now)):
                    done.added.append(schedule.path)
            elif self._change(document, schedule, now):
                done.changed.append(schedule.path)
        for document in stored.values():
            self._schedules.delete_one({"_id": document["_id"]})
            done.removed.append(document["path"])
        return done

    @translated
    def put(self, schedule: Schedule, now: datetime) -> ScheduleState:
        """See ScheduleStore."""
        name = ObjectId(schedule_id(schedule.identity))
        state = first_state(schedule, now, from_config=False)
        if not self._insert(state):
            document = self._schedules.find_one({"_id": name})
            if document is not None:
                self._change(document, schedule, now)
        document = self._schedules.find_one({"_id": name})
        return state if document is None else schedule_documents.state_of(document, now)

    def _insert(self, state: ScheduleState) -> bool:
        document = schedule_documents.new_document(state)
        try:
            done = self._schedules.update_one({"_id": ObjectId(state.id)}, {"$setOnInsert": document}, upsert=True)
        except DuplicateKeyError:  # another process made it at this very moment
            return False
        return done.upserted_id is not None

    def _change(self, document: Document, schedule: Schedule, now: datetime) -> bool:
        """Make a stored schedule say this. A tick that moves the watermark meanwhile has planned with what it
        said before, so the change is made to what the tick has left."""
        current: Document | None = document
        while current is not None:
            update = schedule_documents.change_of(current, schedule, now)
            if update is None:
                return False
            mark = current.get("watermark")
            unmoved = {"_id": current["_id"], "watermark": {"$exists": False} if mark is None else mark}
            if self._schedules.update_one(unmoved, update).matched_count:
                return True
            current = self._schedules.find_one({"_id": current["_id"]})
        return False

    @translated
    def due(self, now: datetime, limit: int) -> list[ScheduleState]:
        """See ScheduleStore."""
        wanted = {"datenext": {"$lte": now, **mongo_indexes.THERE}, "paused": {"$ne": True}}
        found = self._schedules.find(wanted).sort("datenext", ASCENDING).limit(max(1, limit))
        return [schedule_documents.state_of(document, now) for document in found]

    @translated
    def earliest(self) -> datetime | None:
        """See ScheduleStore."""
        wanted = {"datenext": {"$exists": True}, "paused": {"$ne": True}}
        found = self._schedules.find_one(wanted, {"datenext": 1}, sort=[("datenext", ASCENDING)])
        return None if found is None else found["datenext"]

    @translated
    def advance(self, state: ScheduleState, step: Step) -> bool:
        """See ScheduleStore."""
        unmoved = {"_id": ObjectId(state.id), "watermark": state.watermark}
        return self._schedules.update_one(unmoved, schedule_documents.step_update(step)).modified_count == 1

    @translated
    def pause(self, schedule: bytes, *, paused: bool, now: datetime) -> bool:
        """See ScheduleStore."""
        name = {"_id": ObjectId(schedule)}
        if paused:
            return self._schedules.update_one(name, {"$set": {"paused": True}}).matched_count == 1
        document = self._schedules.find_one(name)
        if document is None:
            return False
        update = schedule_documents.resume_update(schedule_documents.state_of(document, now), now)
        self._schedules.update_one({**name, "paused": True}, update)
        return True

    @translated
    def fetch(self, schedule: bytes) -> ScheduleState | None:
        """See ScheduleStore."""
        document = self._schedules.find_one({"_id": ObjectId(schedule)})
        return None if document is None else schedule_documents.read(document)

    @translated
    def page(self, skip: int, limit: int) -> list[ScheduleState]:
        """See ScheduleStore."""
        found = self._schedules.find().sort([("path", ASCENDING), ("_id", ASCENDING)]).skip(max(0, skip))
        return [schedule_documents.read(document) for document in found.limit(max(1, limit))]

    @translated
    def remove(self, schedule: bytes) -> bool:
        """See ScheduleStore."""
        return self._schedules.delete_one({"_id": ObjectId(schedule)}).deleted_count == 1

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See ScheduleStore."""
        return mongo_indexes.ensure(self._schedules, INDEXES, largest)
