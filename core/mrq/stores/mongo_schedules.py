"""ScheduleStore on MongoDB: `mrq_scheduled_jobs`. Every write that decides something is conditional."""

from __future__ import annotations

from itertools import islice
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
        """See ScheduleStore. Documents of MRQ 0.9 are taken over."""
        done = Synced()
        stored = self._schedules.find({"runtime": {"$exists": False}}).limit(MOST)
        planned = schedule_documents.sync_plan(stored, wanted, now)
        for schedule in planned.new:
            if self._insert(first_state(schedule, now)):
                done.added.append(schedule.label)
            elif self._take_over(schedule, now):
                done.changed.append(schedule.label)
        for document, schedule in planned.kept:
            if self._change(document, schedule, now):
                done.changed.append(schedule.label)
        for document in planned.gone:
            self._schedules.delete_one({"_id": document["_id"], "runtime": {"$exists": False}})
            done.removed.append(schedule_documents.state_of(document, now).schedule.label)
        return done

    def _take_over(self, schedule: Schedule, now: datetime) -> bool:
        """One made at run time has this name; or another process has just inserted this very one."""
        mine = {"_id": ObjectId(schedule_id(schedule.identity)), "runtime": True}
        document = self._schedules.find_one_and_update(mine, {"$unset": {"runtime": ""}})
        if document is not None:
            self._change(document, schedule, now)
        return document is not None

    @translated
    def put(self, schedule: Schedule, now: datetime) -> ScheduleState:
        """See ScheduleStore."""
        state = first_state(schedule, now, from_config=False)
        same = {"$or": [{"_id": ObjectId(state.id)}, {"hash": schedule.identity}]}  # 0.9's have ids of their own
        if self._schedules.find_one(same, {"_id": 1}) is None and self._insert(state):
            return state
        document = self._schedules.find_one(same)
        if document is not None and document.get("runtime") and self._change(document, schedule, now):
            document = self._schedules.find_one(same)
        return state if document is None else schedule_documents.state_of(document, now)

    def _insert(self, state: ScheduleState) -> bool:
        document = schedule_documents.new_document(state)
        try:
            done = self._schedules.update_one({"_id": ObjectId(state.id)}, {"$setOnInsert": document}, upsert=True)
        except DuplicateKeyError:  # another process made it at this very moment
            return False
        return done.upserted_id is not None

    def _change(self, document: Document, schedule: Schedule, now: datetime) -> bool:
        """Make a stored schedule say this, from where a tick has left it that is at work at the same time."""
        current: Document | None = document
        while current is not None:
            update = schedule_documents.change_of(current, schedule, now)
            if update is None:
                return False
            unchanged = {name: current.get(name) for name in ("_id", "watermark", "revision")}
            if self._schedules.update_one(unchanged, update).matched_count:
                return True
            current = self._schedules.find_one({"_id": current["_id"]})
        return False

    @translated
    def due(self, now: datetime, limit: int) -> list[ScheduleState]:
        """See ScheduleStore."""
        wanted = {"datenext": {"$lte": now, **mongo_indexes.THERE}, "paused": {"$ne": True}}
        # more than are asked for, so that some which can't be read don't keep the others out
        found = self._schedules.find(wanted).sort("datenext", ASCENDING).limit(2 * max(1, limit))
        return [state for state, _ in islice(schedule_documents.readable(found, now), max(1, limit))]

    @translated
    def earliest(self) -> datetime | None:
        """See ScheduleStore."""
        wanted = {"datenext": {"$exists": True}, "paused": {"$ne": True}}
        found = self._schedules.find_one(wanted, {"datenext": 1}, sort=[("datenext", ASCENDING)])
        return None if found is None else found["datenext"]

    @translated
    def claim(
        self, state: ScheduleState, runs: Sequence[tuple[datetime, bytes]], now: datetime
    ) -> ScheduleState | None:
        """See ScheduleStore."""
        after, update = schedule_documents.claimed(state, runs, now)
        return after if self._schedules.update_one(schedule_documents.unclaimed(state), update).matched_count else None

    @translated
    def advance(self, state: ScheduleState, step: Step) -> bool:
        """See ScheduleStore."""
        update = schedule_documents.step_update(step)
        return self._schedules.update_one(schedule_documents.as_read(state), update).modified_count == 1

    @translated
    def note_run(self, schedule: bytes, due: datetime, job: bytes) -> None:
        """See ScheduleStore."""
        entry = {"due": due, "job": ObjectId(job)}
        self._schedules.update_one({"_id": ObjectId(schedule)}, schedule_documents.noted([entry]))

    @translated
    def pause(self, schedule: bytes, *, paused: bool, now: datetime) -> bool:
        """See ScheduleStore."""
        name = {"_id": ObjectId(schedule)}
        if paused:
            return self._schedules.update_one(name, schedule_documents.PAUSE).matched_count == 1
        while (document := self._schedules.find_one(name)) is not None:
            state = schedule_documents.state_of(document, now)
            if not state.paused:
                return True
            unchanged = {**schedule_documents.as_read(state), "paused": True}
            if self._schedules.update_one(unchanged, schedule_documents.resume_update(state, now)).matched_count:
                return True
        return False

    @translated
    def fetch(self, schedule: bytes) -> ScheduleState | None:
        """See ScheduleStore."""
        document = self._schedules.find_one({"_id": ObjectId(schedule)})
        return None if document is None else schedule_documents.read(document)

    @translated
    def page(self, skip: int, limit: int) -> list[ScheduleState]:
        """See ScheduleStore."""
        found = self._schedules.find().sort([("path", ASCENDING), ("_id", ASCENDING)]).skip(max(0, skip))
        return [state for state, _ in schedule_documents.readable(found.limit(max(1, limit)))]

    @translated
    def remove(self, schedule: bytes) -> bool:
        """See ScheduleStore."""
        return self._schedules.delete_one({"_id": ObjectId(schedule)}).deleted_count == 1

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See ScheduleStore."""
        return mongo_indexes.ensure(self._schedules, INDEXES, largest)
