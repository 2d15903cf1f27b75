"""JobKeys on MongoDB: one document a key in `mrq_keys`, {_id: "task.path:key", job, dateexpires}.

That `_id` is unique is all it needs: there is no index to wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError

from mrq.stores import mongo_indexes
from mrq.stores.mongo_client import is_passing, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pymongo.database import Database

    from mrq.domain.ids import JobId
    from mrq.stores.documents import Document

_DUPLICATE = 11000


class MongoJobKeys:
    """See mrq.ports.jobkeys.JobKeys."""

    def __init__(self, database: Database[Document]) -> None:
        self._keys = database.get_collection("mrq_keys", write_concern=WriteConcern(1))
        self._durable = self._keys.with_options(write_concern=WriteConcern("majority"))

    @translated
    def hold(self, wanted: Mapping[str, JobId], expires: datetime) -> dict[str, JobId]:
        """See JobKeys."""
        renew = {"dateexpires": expires}
        self._write([
            UpdateOne({"_id": name}, {"$setOnInsert": {"job": job}, "$max": renew}, upsert=True)
            for name, job in wanted.items()
        ])  # fmt: skip
        return self._read(wanted)

    @translated
    def pass_on(self, changes: Mapping[str, tuple[JobId, JobId]], expires: datetime) -> dict[str, JobId]:
        """See JobKeys."""
        self._write([
            UpdateOne({"_id": name, "job": old}, {"$set": {"job": new}, "$max": {"dateexpires": expires}})
            for name, (old, new) in changes.items()
        ])  # fmt: skip
        return self._read(changes)

    @translated
    def confirm(self, held: Mapping[str, JobId], expires: datetime) -> bool:
        """See JobKeys."""
        same = [UpdateOne({"_id": name, "job": job}, {"$max": {"dateexpires": expires}}) for name, job in held.items()]
        return not same or self._durable.bulk_write(same, ordered=False).matched_count == len(same)

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See JobKeys."""
        return mongo_indexes.expire(self._keys, mongo_indexes.KEYS[0], before, limit)

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobKeys."""
        return mongo_indexes.ensure(self._keys, mongo_indexes.KEYS, largest)

    def _write(self, updates: Sequence[UpdateOne]) -> None:
        """Two upserts of one key may meet: then one of them finds a duplicate, and the other has won."""
        if not updates:
            return
        try:
            self._keys.bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            if is_passing(error) or any(each["code"] != _DUPLICATE for each in error.details["writeErrors"]):
                raise

    def _read(self, names: Iterable[str]) -> dict[str, JobId]:
        return {document["_id"]: document["job"] for document in self._keys.find({"_id": {"$in": list(names)}})}
