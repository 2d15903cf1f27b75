"""Schedule documents: MRQ 0.9's fields in `mrq_scheduled_jobs`, and what is new beside them.

_id hash path params queue interval dailytime weekday monthday datelastqueued    as 0.9 has them
cron timezone at name jitter start end missed missed_limit overlap               what 0.9 could not say
anchor      the first time of an interval
watermark   all times up to here have been dealt with
datenext    the next time to look at it; absent: never again
paused      nothing is queued meanwhile
lastjob     the id of the last job that was queued for it, or was about to be
dateclaimed when it was about to be
history     {due, job} of the last times
revision    of what it says, raised by edits, pauses and resumes; absent: 0
runtime     made at run time, not in the config
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import bson
from bson import ObjectId

from mrq.domain.schedule import EPOCH, Missed, Overlap, Schedule, ScheduleState, next_time, same_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mrq.ports.schedules import Step

log = logging.getLogger("mrq.scheduler")

Document = dict[str, Any]

HISTORY_KEPT = 30
_NEVER = EPOCH + timedelta(days=2)  # 0.9 seeds datelastqueued with the start of time, in local time
_PLAIN = ("path", "params", "queue", "interval", "weekday", "monthday", "cron", "at", "name", "start", "end")
_ALL = (*_PLAIN, "dailytime", "timezone", "jitter", "missed", "missed_limit", "overlap", "hash")


def words_of(schedule: Schedule) -> Document:
    """What a schedule says, just as the database will give it back (naive times, in milliseconds)."""
    document: Document = {name: getattr(schedule, name) for name in _PLAIN}
    document["params"] = None if schedule.params is None else dict(schedule.params)
    document["hash"] = schedule.identity
    if schedule.dailytime is not None:
        document["dailytime"] = datetime.combine(EPOCH, schedule.dailytime)
    if schedule.cron is not None:
        document["timezone"] = schedule.timezone
    if schedule.jitter:
        document["jitter"] = schedule.jitter
    if schedule.missed is not Missed.ONCE:
        document["missed"] = schedule.missed.value
    if schedule.missed_limit != Schedule.__dataclass_fields__["missed_limit"].default:
        document["missed_limit"] = schedule.missed_limit
    if schedule.overlap is not Overlap.ALLOW:
        document["overlap"] = schedule.overlap.value
    return bson.decode(bson.encode({name: value for name, value in document.items() if value is not None}))


def new_document(state: ScheduleState) -> Document:
    """A schedule that is stored for the first time."""
    document = {
        **words_of(state.schedule),
        "anchor": state.anchor,
        "watermark": state.watermark,
        "datelastqueued": EPOCH,
    }
    if state.next is not None:
        document["datenext"] = state.next
    if not state.from_config:
        document["runtime"] = True
    return document


def change_of(document: Mapping[str, Any], schedule: Schedule, now: datetime) -> Document | None:
    """The update that makes a stored schedule say this; None: it says so already."""
    words = words_of(schedule)
    before = {name: document[name] for name in _ALL if name in document}
    fresh = "watermark" not in document  # written by MRQ 0.9
    if words == before and not fresh:
        return None
    state = state_of({**{k: v for k, v in document.items() if k not in _ALL}, **words}, now)
    anchor, watermark = state.anchor, state.watermark
    if not fresh and not same_times(state.schedule, state_of(document, now).schedule):
        anchor = schedule.start or anchor
        if watermark >= anchor:  # it has begun: it had none of its new times so far
            watermark = max(watermark, now)
    values: Document = {**words, "anchor": anchor, "watermark": watermark}
    gone = [name for name in before if name not in words]
    following = next_time(replace(state, anchor=anchor), watermark)
    if following is None:
        gone.append("datenext")
    else:
        values["datenext"] = following
    unset = {"$unset": dict.fromkeys(gone, "")} if gone else {}
    return {"$set": values, "$inc": {"revision": 1}, **unset}


@dataclass(slots=True)
class SyncPlan:
    """What makes the stored schedules of the config those that are wanted."""

    new: list[Schedule] = field(default_factory=list)
    kept: list[tuple[Document, Schedule]] = field(default_factory=list)
    gone: list[Document] = field(default_factory=list)


def sync_plan(stored: Iterable[Document], wanted: Sequence[Schedule], now: datetime) -> SyncPlan:
    """`stored`: documents of the config's schedules. Those of MRQ 0.9 are recognised by what they say; those that
    can't be read are left alone."""
    found: dict[str, Document] = {}
    for state, document in readable(stored, now):
        found[document["hash"] if "watermark" in document else state.schedule.identity] = document
    planned = SyncPlan()
    for schedule in wanted:
        if schedule.identity in found:
            planned.kept.append((found.pop(schedule.identity), schedule))
        else:
            planned.new.append(schedule)
    planned.gone.extend(found.values())
    return planned


def readable(documents: Iterable[Document], now: datetime | None = None) -> Iterator[tuple[ScheduleState, Document]]:
    """Those that can be read, as states. The others (of a later version, or changed by hand) are named in the log:
    one of them must not stop the rest. Without `now` they are only looked at."""
    for document in documents:
        try:
            yield (read(document) if now is None else state_of(document, now)), document
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            log.warning("schedule %s can't be read and is left out: %r", document.get("_id"), error)


def state_of(document: Mapping[str, Any], now: datetime) -> ScheduleState:
    """A stored schedule. One of MRQ 0.9 has no watermark: it goes on from when it was last queued."""
    get = document.get
    daily = get("dailytime") is not None  # 0.9 gives those an interval of a day as well
    schedule = Schedule(
        path=document["path"],
        **{name: get(name) for name in _PLAIN if name not in ("path", "interval")},
        interval=None if daily or get("interval") is None else float(document["interval"]),
        dailytime=document["dailytime"].time() if daily else None,
        timezone=get("timezone") or "UTC",
        jitter=get("jitter") or 0.0,
        missed=Missed(get("missed") or Missed.ONCE),
        missed_limit=get("missed_limit") or 100,
        overlap=Overlap(get("overlap") or Overlap.ALLOW),
    )
    last = get("datelastqueued")
    queued_before = last if last is not None and last > _NEVER else None
    watermark, anchor = get("watermark"), get("anchor")
    if watermark is None:
        began = now if schedule.interval is None else now.replace(microsecond=0)
        watermark = queued_before or began
        anchor = queued_before or began
    return ScheduleState(
        id=document["_id"].binary,
        schedule=schedule,
        anchor=anchor or watermark,
        watermark=watermark,
        next=get("datenext"),
        paused=bool(get("paused")),
        last_job=None if get("lastjob") is None else document["lastjob"].binary,
        last_queued=queued_before,
        claimed=get("dateclaimed"),
        from_config=not get("runtime"),
        history=tuple(get("history") or ()),
        revision=get("revision") or 0,
    )


def step_update(step: Step) -> Document:
    """What a tick writes when it is done with a schedule."""
    if step.next is None:
        return {"$set": {"watermark": step.watermark}, "$unset": {"datenext": ""}}
    return {"$set": {"watermark": step.watermark, "datenext": step.next}}


def claimed(
    state: ScheduleState, runs: Sequence[tuple[datetime, bytes]], now: datetime
) -> tuple[ScheduleState, Document]:
    """A schedule whose next jobs are about to be queued, and the update that says so. A tick that goes on with what
    one that died has claimed notes nothing twice."""
    due, last = runs[-1]
    known = {entry["job"] for entry in state.history}
    entries = [{"due": due, "job": ObjectId(job)} for due, job in runs[-HISTORY_KEPT:] if ObjectId(job) not in known]
    values = {"datelastqueued": due, "lastjob": ObjectId(last), "dateclaimed": now}
    update: Document = {"$set": values, **noted(entries)}
    history = (*state.history, *entries)[-HISTORY_KEPT:]
    return replace(state, last_job=last, last_queued=due, claimed=now, history=history), update


def noted(entries: Sequence[Document]) -> Document:
    """The update that adds to the history."""
    return {"$push": {"history": {"$each": list(entries), "$slice": -HISTORY_KEPT}}} if entries else {}


def as_read(state: ScheduleState) -> Document:
    """The filter for a schedule that nobody has touched since it was read. (null: the field may be absent.)"""
    return {"_id": ObjectId(state.id), "watermark": state.watermark, "revision": state.revision or None}


def unclaimed(state: ScheduleState) -> Document:
    """As `as_read`, and no other tick is about to queue for it."""
    return {**as_read(state), "lastjob": None if state.last_job is None else ObjectId(state.last_job)}


PAUSE: Document = {"$set": {"paused": True}, "$inc": {"revision": 1}}


def resume_update(state: ScheduleState, now: datetime) -> Document:
    """What ends a pause: what passed meanwhile is not made up for."""
    watermark = max(now, state.watermark)
    following = next_time(state, watermark)
    common: Document = {"$inc": {"revision": 1}}
    if following is None:
        return {**common, "$unset": {"paused": "", "datenext": ""}, "$set": {"watermark": watermark}}
    return {**common, "$unset": {"paused": ""}, "$set": {"watermark": watermark, "datenext": following}}


def read(document: Mapping[str, Any]) -> ScheduleState:
    """A schedule that is only looked at: where one of 0.9 would go on from doesn't matter."""
    return state_of(document, document.get("datelastqueued") or document["_id"].generation_time.replace(tzinfo=None))
