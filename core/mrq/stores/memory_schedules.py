"""ScheduleStore in memory: documents of MongoDB's shape, changed by the same updates. See memory_jobs."""

from __future__ import annotations

import copy
import threading
from itertools import islice
from typing import TYPE_CHECKING

from bson import ObjectId

from mrq.domain.schedule import first_state, schedule_id
from mrq.ports.schedules import Synced
from mrq.stores import schedule_documents
from mrq.stores.memory_jobs import apply_update

if TYPE_CHECKING:
    from collections.abc import Sequence
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
            stored = [document for document in self._documents.values() if "runtime" not in document]
            planned = schedule_documents.sync_plan(stored, wanted, now)
            for schedule in planned.new:
                if self._insert(first_state(schedule, now)):
                    done.added.append(schedule.label)
                else:  # one made at run time has this name
                    document = self._documents[ObjectId(schedule_id(schedule.identity))]
                    del document["runtime"]
                    self._change(document, schedule, now)
                    done.changed.append(schedule.label)
            for document, schedule in planned.kept:
                if self._change(document, schedule, now):
                    done.changed.append(schedule.label)
            for document in planned.gone:
                del self._documents[document["_id"]]
                done.removed.append(schedule_documents.state_of(document, now).schedule.label)
        return done

    def put(self, schedule: Schedule, now: datetime) -> ScheduleState:
        """See ScheduleStore."""
        with self._lock:
            state = first_state(schedule, now, from_config=False)
            if self._insert(state):
                return state
            same = next(d for d in self._documents.values() if d["hash"] == schedule.identity)
            if same.get("runtime"):
                self._change(same, schedule, now)
            return schedule_documents.state_of(copy.deepcopy(same), now)

    def due(self, now: datetime, limit: int) -> list[ScheduleState]:
        """See ScheduleStore."""
        with self._lock:
            found = sorted(
                (d for d in self._waiting() if d["datenext"] <= now), key=lambda document: document["datenext"]
            )
            states = schedule_documents.readable(copy.deepcopy(found), now)
            return [state for state, _ in islice(states, max(1, limit))]

    def earliest(self) -> datetime | None:
        """See ScheduleStore."""
        with self._lock:
            return min((document["datenext"] for document in self._waiting()), default=None)

    def advance(self, state: ScheduleState, step: Step) -> bool:
        """See ScheduleStore."""
        return self._update(schedule_documents.as_read(state), schedule_documents.step_update(step))

    def claim(
        self, state: ScheduleState, runs: Sequence[tuple[datetime, bytes]], now: datetime
    ) -> ScheduleState | None:
        """See ScheduleStore."""
        after, update = schedule_documents.claimed(state, runs, now)
        return after if self._update(schedule_documents.unclaimed(state), update) else None

    def note_run(self, schedule: bytes, due: datetime, job: bytes) -> None:
        """See ScheduleStore."""
        entry = {"due": due, "job": ObjectId(job)}
        self._update({"_id": ObjectId(schedule)}, schedule_documents.noted([entry]))

    def pause(self, schedule: bytes, *, paused: bool, now: datetime) -> bool:
        """See ScheduleStore."""
        if paused:
            return self._update({"_id": ObjectId(schedule)}, schedule_documents.PAUSE)
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
            return [state for state, _ in schedule_documents.readable(copy.deepcopy(chosen))]

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
        if name in self._documents or any(d["hash"] == state.schedule.identity for d in self._documents.values()):
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

    def _update(self, wanted: Document, update: Document) -> bool:
        with self._lock:
            document = self._documents.get(wanted["_id"])
            if document is None or any(document.get(name) != value for name, value in wanted.items()):
                return False
            apply_update(document, copy.deepcopy(update))
            return True
