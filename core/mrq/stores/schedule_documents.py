"""Schedule documents: MRQ 0.9's fields in `mrq_scheduled_jobs`, and what is new beside them.

_id hash path params queue interval dailytime weekday monthday datelastqueued    as 0.9 has them
cron timezone at name jitter start end missed missed_limit overlap               what 0.9 could not say
anchor      the first time of an interval
watermark   all times up to here have been dealt with
datenext    the next time to look at it; absent: never again
paused      nothing is queued meanwhile
lastjob     the id of the job of the last time that was not left out
history     {due, job} of the last times
runtime     made at run time, not in the config
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from mrq.domain.schedule import EPOCH, Missed, Overlap, Schedule, ScheduleState, next_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.ports.schedules import Step

Document = dict[str, Any]

HISTORY_KEPT = 30
_NEVER = EPOCH + timedelta(days=2)  # 0.9 seeds datelastqueued with the start of time, in local time
_PLAIN = ("path", "params", "queue", "interval", "weekday", "monthday", "cron", "at", "name", "start", "end")
_ALL = (*_PLAIN, "dailytime", "timezone", "jitter", "missed", "missed_limit", "overlap", "hash")


def words_of(schedule: Schedule) -> Document:
    """What a schedule says, as it is stored; None where it says nothing."""
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
    return {name: value for name, value in document.items() if value is not None}


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
    values: Document = {**words, "anchor": state.anchor, "watermark": state.watermark}
    gone = [name for name in before if name not in words]
    following = next_time(state, state.watermark)
    if following is None:
        gone.append("datenext")
    else:
        values["datenext"] = following
    return {"$set": values, **({"$unset": dict.fromkeys(gone, "")} if gone else {})}


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
        from_config=not get("runtime"),
        history=tuple(get("history") or ()),
    )


def step_update(step: Step) -> Document:
    """What a tick writes when it is done with a schedule."""
    values: Document = {"watermark": step.watermark}
    update: Document = {"$set": values}
    if step.next is None:
        update["$unset"] = {"datenext": ""}
    else:
        values["datenext"] = step.next
    if step.queued:
        values["datelastqueued"], last = step.queued[-1]
        values["lastjob"] = ObjectId(last)
        entries = [{"due": due, "job": ObjectId(job)} for due, job in step.queued]
        update["$push"] = {"history": {"$each": entries, "$slice": -HISTORY_KEPT}}
    return update


def resume_update(state: ScheduleState, now: datetime) -> Document:
    """What ends a pause: what passed meanwhile is not made up for."""
    watermark = max(now, state.watermark)
    following = next_time(state, watermark)
    if following is None:
        return {"$unset": {"paused": "", "datenext": ""}, "$set": {"watermark": watermark}}
    return {"$unset": {"paused": ""}, "$set": {"watermark": watermark, "datenext": following}}


def read(document: Mapping[str, Any]) -> ScheduleState:
    """A schedule that is only looked at: where one of 0.9 would go on from doesn't matter."""
    return state_of(document, document.get("datelastqueued") or document["_id"].generation_time.replace(tzinfo=None))
