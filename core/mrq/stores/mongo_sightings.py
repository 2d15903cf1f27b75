"""When each kind of failure was seen first: `mrq_failures` {_id: fingerprint, first, last}.

Jobs say it too, until they run again or expire. So this is written beside their ends, now and then, may be missing, and
is forgotten after a long silence.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING

from pymongo import UpdateOne, WriteConcern
from pymongo.errors import PyMongoError

from mrq.ports.jobs import Settled
from mrq.stores import mongo_indexes
from mrq.stores.mongo_client import in_short, time_limit

if TYPE_CHECKING:
    from collections.abc import Collection as Several
    from collections.abc import Sequence
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.change import Settlement
    from mrq.ports.jobs import SettleResult
    from mrq.stores.documents import Document

log = logging.getLogger("mrq.stores")

AGAIN = timedelta(minutes=10)  # until the same failure is written once more, by one process
MOST_KNOWN = 1_000  # fingerprints of which a process knows when it wrote them
PATIENCE = 2.0  # seconds: other ends wait meanwhile
PAUSE = timedelta(minutes=1)  # after an error
LONGEST_LOOK = 2_000  # milliseconds


class Sightings:
    """Fingerprints with the time of their first and of a late failure."""

    def __init__(self, database: Database[Document]) -> None:
        self._seen: Collection[Document] = database.get_collection("mrq_failures", write_concern=WriteConcern(1))
        self._written: OrderedDict[str, datetime] = OrderedDict()
        self._not_before: datetime | None = None  # by the times of failures: how long nothing is tried after an error
        self.failed = 0

    def note(self, settlements: Sequence[Settlement], results: Sequence[SettleResult]) -> None:
        """Write those of these ends that are failures, were written, and are news. Raises nothing."""
        times: dict[str, list[datetime]] = {}
        for settlement, result in zip(settlements, results, strict=True):
            name = settlement.change.group
            if name is not None and result.fate is Settled.WRITTEN:
                times.setdefault(name, []).append(settlement.change.at)
        news = {name: when for name, when in times.items() if self._is_news(name, max(when))}
        latest = max(map(max, news.values()), default=None)
        if latest is None or (self._not_before is not None and latest < self._not_before):
            return
        writes = [
            UpdateOne({"_id": name}, {"$min": {"first": min(when)}, "$max": {"last": max(when)}}, upsert=True)
            for name, when in news.items()
        ]
        try:
            with time_limit(PATIENCE):
                self._seen.bulk_write(writes, ordered=False)
        except PyMongoError as error:  # a later failure of that kind tries again
            self.failed += 1
            self._not_before = latest + PAUSE
            log.info("first sights of failures can't be written (%d times so far): %s", self.failed, in_short(error))
            return
        for name, when in news.items():
            self._written[name] = max(when)
            self._written.move_to_end(name)
        while len(self._written) > MOST_KNOWN:
            self._written.popitem(last=False)

    def _is_news(self, name: str, at: datetime) -> bool:
        written = self._written.get(name)
        return written is None or at - written >= AGAIN

    def firsts(self, fingerprints: Several[str]) -> dict[str, datetime]:
        """When these were seen first, as far as it is known."""
        wanted = {"_id": {"$in": list(fingerprints)}}
        found = self._seen.find(wanted, {"first": 1}).max_time_ms(LONGEST_LOOK)
        return {document["_id"]: document["first"] for document in found if document.get("first")}

    def expire(self, before: datetime, limit: int) -> int:
        """See FailureStore."""
        return mongo_indexes.expire(self._seen, mongo_indexes.SIGHTINGS[0], before, limit)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See FailureStore."""
        return mongo_indexes.ensure(self._seen, mongo_indexes.SIGHTINGS, largest)
