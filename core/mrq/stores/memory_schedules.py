"""ScheduleStore in memory: documents of MongoDB's shape, changed by the same updates. See memory_jobs."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING

from bson import ObjectId

from mrq.domain.schedule import first_state
from mrq.ports.schedules import Synced
from mrq.stores import schedule_documents
from mrq.stores.memory_jobs import apply_update

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mrq.domain.schedule import Schedule, ScheduleState
    from mrq.ports.schedules import Step
    from mrq.stores.schedule_documents import Document


class MemoryScheduleStore:
    """See mrq.ports.schedules.ScheduleStore."""

    def __init__(self) -> None:
        self._documents: dict[ObjectId, Document] = {}
        self._lock = threading.RLock()

    def sync(self, wanted: Sequence[Schedule], now: datetime) -> Synced:
        """See ScheduleStore."""
        done = Synced()
        with self._lock:
            stored = {
                schedule_documents.state_of(document, now).schedule.identity: document
                for document in self._documents.values()
                if "runtime" not in document
            }
            for schedule in wanted:
                document = stored.pop(schedule.identity, None)
                if document is None:
                    if self._insert(first_state(schedule, now)):
                        done.added.append(schedule.path)
                elif self._change(document, schedule, now):
                    done.changed.append(schedule.path)
            for document in stored.values():
                del self._documents[document["_id"]]
                done.removed.append(document["path"])
        return done

    def put(self, schedule: Schedule, now: datetime) -> ScheduleState:
        """See ScheduleStore."""
        with self._lock:
            state = first_state(schedule, now, from_config=False)
            if not self._insert(state):
                self._change(self._documents[ObjectId(state.id)], schedule, now)
            return schedule_documents.state_of(self._documents[ObjectId(state.id)], now)

    def due(self, now: datetime, limit: int) -> list[ScheduleState]:
        """See ScheduleStore."""
        with self._lock:
            found = sorted(
                (d for d in self._waiting() if d["datenext"] <= now), key=lambda document: document["datenext"]
            )
            return [schedule_documents.state_of(copy.deepcopy(document), now) for document in found[: max(1, limit)]]

    def earliest(self) -> datetime | None:
        """See ScheduleStore."""
        with self._lock:
            return min((document["datenext"] for document in self._waiting()), default=None)

    def advance(self, state: ScheduleState, step: Step) -> bool:
        """See ScheduleStore."""
        update = schedule_documents.step_update(step)
        return self._update(state.id, update, lambda d: bool(d["watermark"] == state.watermark))

    def pause(self, schedule: bytes, *, paused: bool, now: datetime) -> bool:
        """See ScheduleStore."""
        if paused:
            return self._update(schedule, {"$set": {"paused": True}})
        with self._lock:
            document = self._documents.get(ObjectId(schedule))
            if document is None:
                return False
            if document.get("paused"):
                state = schedule_documents.state_of(document, now)
                apply_update(document, schedule_documents.resume_update(state, now))
            return True

    def fetch(self, schedule: bytes) -> ScheduleState | None:
        """See ScheduleStore."""
        with self._lock:
            document = self._documents.get(ObjectId(schedule))
            return None if document is None else schedule_documents.read(copy.deepcopy(document))

    def page(self, skip: int, limit: int) -> list[ScheduleState]:
        """See ScheduleStore."""
        with self._lock:
            found = sorted(self._documents.values(), key=lambda document: (document["path"], document["_id"]))
            chosen = found[max(0, skip) :][: max(1, limit)]
            return [schedule_documents.read(copy.deepcopy(document)) for document in chosen]

    def remove(self, schedule: bytes) -> bool:
        """See ScheduleStore."""
        with self._lock:
            return self._documents.pop(ObjectId(schedule), None) is not None

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See ScheduleStore."""
        return []

    # ---- inside

    def _insert(self, state: ScheduleState) -> bool:
        name = ObjectId(state.id)
        if name in self._documents:
            return False
        self._documents[name] = {"_id": name, **copy.deepcopy(schedule_documents.new_document(state))}
        return True

    def _change(self, document: Document, schedule: Schedule, now: datetime) -> bool:
        update = schedule_documents.change_of(document, schedule, now)
        if update is None:
            return False
        apply_update(document, update)
        return True

    def _waiting(self) -> list[Document]:
        return [d for d in self._documents.values() if "datenext" in d and not d.get("paused")]

    def _update(self, schedule: bytes, update: Document, wanted: Callable[[Document], bool] = bool) -> bool:
        with self._lock:
            document = self._documents.get(ObjectId(schedule))
            if document is None or not wanted(document):
                return False
            apply_update(document, copy.deepcopy(update))
            return True
