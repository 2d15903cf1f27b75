"""Writes how runs have ended: many at once, each only while its claim holds.

Most ends only set fields. All of those under one claim go by one update that looks up each job's values in a list,
which costs MongoDB a third of as many updates of one job. Ends that also push or remove something, and those that are
large, go by an update each. Both kinds travel in one bulk write. A server that knows no such lookup (Amazon
DocumentDB has no updates by pipeline) is found out by trying.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bson.raw_bson import RawBSONDocument
from pymongo import UpdateMany, UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError, ConfigurationError, OperationFailure

from mrq.domain.status import Status
from mrq.ports.jobs import Settled, SettleResult
from mrq.stores import documents
from mrq.stores.mongo_client import NOT_ALLOWED, in_short, is_passing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pymongo.collection import Collection

    from mrq.domain.change import Settlement
    from mrq.domain.ids import JobId, Token
    from mrq.stores.documents import Document

log = logging.getLogger("mrq.stores")

FEWEST, MOST = 4, 250  # jobs of one lookup; fewer aren't worth it
LARGEST, LARGEST_SUM = 32 * 1024, 2**20  # bytes of one job's values, and of all in a lookup
REFUSALS = 3  # in a row, from which on nothing is looked up any more

_DUPLICATE = 11000
_TOO_LARGE = frozenset({10334, 17419, 17420})
_WRITTEN = SettleResult(Settled.WRITTEN)
_REFUSED = SettleResult(Settled.REFUSED)


@dataclass(slots=True)
class End:
    """An end that can be written. `index`: its place among those that were given. `size`: bytes of its values.

    Not frozen only because that costs twice the time to make."""

    index: int
    settlement: Settlement
    values: RawBSONDocument
    update: Document
    size: int

    @property
    def only_sets(self) -> bool:
        """Whether the values say all about it."""
        return len(self.update) == 1 and self.settlement.base is None

    def write(self) -> UpdateOne:
        """The update of this job alone."""
        settlement = self.settlement
        fence = {"_id": settlement.id, "status": Status.STARTED.value, "claim": settlement.token}
        return UpdateOne(fence, self.update, upsert=settlement.base is not None)


Write = tuple[list[End], "UpdateOne | UpdateMany"]
"""One update and the ends that it writes."""


class EndWriter:
    """Carries out JobStore.settle."""

    def __init__(self, jobs: Collection[Document]) -> None:
        self._jobs = jobs
        self._refusals = 0

    def settle(self, settlements: Sequence[Settlement]) -> list[SettleResult]:
        """See JobStore. One bulk write for each write concern among them."""
        results: list[SettleResult] = [_REFUSED] * len(settlements)
        groups: dict[tuple[int | str | None, bool | None], list[End]] = defaultdict(list)
        for index, settlement in enumerate(settlements):
            found = _end_of(index, settlement)
            if isinstance(found, End):
                groups[settlement.write_concern, settlement.journal].append(found)
            else:
                results[index] = found
        for (concern, journal), ends in groups.items():
            self._write_apart_if_need_be(self._with_concern(concern, journal), ends, results)
        return results

    def _with_concern(self, w: int | str | None, j: bool | None) -> Collection[Document]:
        if w is None and j is None:
            return self._jobs
        return self._jobs.with_options(write_concern=WriteConcern(w=w if w is not None else "majority", j=j))

    def _write_apart_if_need_be(
        self, jobs: Collection[Document], ends: list[End], results: list[SettleResult], *, together: bool = True
    ) -> None:
        """A command that MongoDB refuses as a whole is refused for one of its jobs, or because it looks things up: find
        out which."""
        writes = list(self._writes(ends, together=together))
        try:
            self._write(jobs, writes, results)
        except OperationFailure as error:
            if is_passing(error) or error.code in NOT_ALLOWED:
                raise
            if len(writes) < len(ends):
                self._refused(error)
                self._write_apart_if_need_be(jobs, ends, results, together=False)
            elif len(ends) == 1:
                results[ends[0].index] = SettleResult(Settled.UNSTORABLE, _why(in_short(error)))
            else:
                for end in ends:
                    self._write_apart_if_need_be(jobs, [end], results)

    def _writes(self, ends: Sequence[End], *, together: bool) -> Iterator[Write]:
        claims: dict[Token, list[End]] = defaultdict(list)
        seen: set[JobId] = set()
        for end in ends:
            job, token = end.settlement.id, end.settlement.token
            if together and token is not None and end.only_sets and end.size <= LARGEST and job not in seen:
                claims[token].append(end)
                seen.add(job)
            else:
                yield [end], end.write()
        for token, group in claims.items():
            for part in _parts(group):
                if len(part) < FEWEST or self._refusals >= REFUSALS:
                    yield from (([end], end.write()) for end in part)
                else:
                    yield part, _lookup(token, part)

    def _write(self, jobs: Collection[Document], writes: list[Write], results: list[SettleResult]) -> None:
        ends = [end for group, _ in writes for end in group]
        errors: list[Document] = []
        try:
            done = jobs.bulk_write([write for _, write in writes], ordered=False)
            matched = done.matched_count + done.upserted_count if done.acknowledged else len(ends)
        except BulkWriteError as error:
            # A passing error is raised and the whole batch repeated. What is left is about single updates, or
            # a write concern that this server can't give: that write took place all the same.
            if is_passing(error):
                raise
            # A duplicate: the job to be made is there, from an earlier try or by somebody else's doing.
            errors = [e for e in error.details["writeErrors"] if e["code"] != _DUPLICATE]
            matched = error.details["nMatched"] + error.details["nUpserted"]
        if matched == len(ends):
            for end in ends:
                results[end.index] = _WRITTEN
        else:
            self._look_again(ends, results)
        if not errors and len(writes) < len(ends):
            self._refusals = 0
        for refused in errors:
            group, _ = writes[refused["index"]]
            if len(group) > 1:
                self._refused(refused["errmsg"])
                self._write_apart_if_need_be(jobs, group, results, together=False)
            else:
                large = refused["code"] in _TOO_LARGE
                reason = documents.too_large() if large else _why(refused["errmsg"])
                results[group[0].index] = SettleResult(Settled.UNSTORABLE, reason)

    def _refused(self, why: object) -> None:
        """An update of many was refused: for one of its jobs, or because this server knows no such updates."""
        self._refusals += 1
        if self._refusals == REFUSALS:
            log.info("this server takes no updates by pipeline, so ends are written one by one: %s", why)

    def _look_again(self, ends: Sequence[End], results: list[SettleResult]) -> None:
        """Which of a batch are written? Tokens stay on settled jobs, so an earlier try is recognised."""
        ids = [end.settlement.id for end in ends]
        now = {d["_id"]: d for d in self._jobs.find({"_id": {"$in": ids}}, {"status": 1, "claim": 1})}
        for end in ends:
            settlement = end.settlement
            document = now.get(settlement.id, {})
            same = document.get("claim") == settlement.token
            if same and document.get("status") == settlement.change.status.value:
                results[end.index] = _WRITTEN


def _end_of(index: int, settlement: Settlement) -> End | SettleResult:
    """What is to be written; why it can't be."""
    encoded, reason = documents.check_change(settlement.change)
    if encoded is None:
        return SettleResult(Settled.UNSTORABLE, reason)
    values = RawBSONDocument(encoded)
    update = documents.update_of(settlement.change, values)
    if settlement.base is not None:
        whole, reason = documents.check_started(settlement.base)
        if whole is None:
            return SettleResult(Settled.UNSTORABLE, reason, about_base=True)
        update = documents.upsert_of(update, settlement.base, values)
    if reason := _bad_concern(settlement):
        return SettleResult(Settled.UNSTORABLE, reason)
    return End(index, settlement, values, update, len(encoded))


def _parts(ends: Sequence[End]) -> Iterator[list[End]]:
    """In lots that one lookup can hold."""
    part: list[End] = []
    size = 0
    for end in ends:
        if part and (len(part) == MOST or size + end.size > LARGEST_SUM):
            yield part
            part, size = [], 0
        part.append(end)
        size += end.size
    if part:
        yield part


def _lookup(token: Token, ends: Sequence[End]) -> UpdateMany:
    """Each job of a claim gets what is in the list at its own place. Values are literals: nothing in them is read as
    an expression."""
    ids = [end.settlement.id for end in ends]
    place: Document = {"$indexOfArray": [{"$literal": ids}, "$_id"]}
    own: Document = {"$arrayElemAt": [{"$literal": [end.values for end in ends]}, place]}
    fence = {"_id": {"$in": ids}, "status": Status.STARTED.value, "claim": token}
    return UpdateMany(fence, [{"$replaceWith": {"$mergeObjects": ["$$ROOT", own]}}])


def _why(why: str) -> str:
    return f"MongoDB refused the job's end: {why}"


def _bad_concern(settlement: Settlement) -> str | None:
    """Why the write concern that a task asks for can't be one."""
    if settlement.write_concern is None and settlement.journal is None:
        return None
    try:
        WriteConcern(w=settlement.write_concern, j=settlement.journal)
    except (TypeError, ConfigurationError) as error:
        return f"the job's end can't be stored with the write concern that its task asks for: {error}"
    return None
