"""SCHEDULER_TASKS: from entries of a config file, or a caller's words, to schedules. What is wrong is said by entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mrq.domain.queuename import parse_queue
from mrq.domain.schedule import Missed, Overlap, Schedule
from mrq.domain.trigger import cron_error
from mrq.exceptions import ConfigError, InvalidQueueError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHAPE: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "path": ("text", str),
    "params": ("a dict", Mapping),
    "queue": ("text", str),
    "interval": ("a number of seconds", (int, float)),
    "dailytime": ("a datetime.time", (time, datetime)),
    "weekday": ("a whole number, 0 for Monday to 6", int),
    "monthday": ("a whole number, 1 to 31", int),
    "cron": ("text", str),
    "timezone": ("text", str),
    "at": ("a datetime", datetime),
    "name": ("text", str),
    "jitter": ("a number of seconds", (int, float)),
    "start": ("a datetime", datetime),
    "end": ("a datetime", datetime),
    "missed": ("text", str),
    "missed_limit": ("a whole number", int),
    "overlap": ("text", str),
}
_TIMINGS = ("interval", "dailytime", "cron", "at")
_YEAR = 366 * 86400
_BOUNDS = {"interval": (0.1, 10 * _YEAR), "jitter": (0, _YEAR), "missed_limit": (1, 10_000)}
_LEAP_YEAR = 2024


def schedules_of(entries: Iterable[Mapping[str, Any]], now: datetime) -> list[Schedule]:
    """Every entry as a schedule. `now`: the time (naive, UTC), to find out what never happens any more.

    Raises:
        ConfigError: one of them is wrong; the message names its place and its path.
    """
    found: list[Schedule] = []
    places: dict[str, str] = {}
    for position, entry in enumerate(entries):
        where = f"SCHEDULER_TASKS[{position}]"
        schedule = schedule_of(entry, now, where)
        other = places.setdefault(schedule.identity, where)
        if other != where:
            same = "task, params, queue and times. Remove one, or give each a name"
            if schedule.name is not None:
                same = f"name, {schedule.name!r}. Give it another one"
            raise ConfigError(f"{where} ({schedule.path}) is the same schedule as {other}: same {same}")
        found.append(schedule)
    return found


def schedule_of(entry: Mapping[str, Any], now: datetime, where: str) -> Schedule:
    """One schedule.

    Raises:
        ConfigError: it is wrong; the message begins with `where`.
    """
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where} should be a dict, not {type(entry).__name__}")
    path = entry.get("path")
    if not isinstance(path, str) or "." not in path:
        raise ConfigError(f"{where} should have a path, such as 'tasks.Fetch'; it has {path!r}")
    where = f"{where} ({path})"
    given = {name: value for name, value in entry.items() if value is not None}
    for name in ("interval", "jitter"):
        if isinstance(given.get(name), timedelta):
            given[name] = given[name].total_seconds()
    _check_types(given, where)
    _check_timing(given, now, where)
    try:
        if (queue := given.get("queue")) is not None and parse_queue(queue).is_raw:
            raise ConfigError(f"{where}: queue {queue!r} is a raw queue; schedules queue regular jobs")
    except InvalidQueueError as error:
        raise ConfigError(f"{where}: {error}") from error
    return Schedule(
        **{
            name: given[name]
            for name in ("path", "params", "queue", "weekday", "monthday", "cron", "name")
            if name in given
        },
        interval=float(given["interval"]) if "interval" in given else None,
        dailytime=_time_of(given["dailytime"], where) if "dailytime" in given else None,
        timezone=given.get("timezone", "UTC"),
        at=_moment(given.get("at")),
        start=_moment(given.get("start")),
        end=_moment(given.get("end")),
        jitter=float(given.get("jitter", 0)),
        missed=_choice(given, "missed", Missed, where) or Missed.ONCE,
        missed_limit=given.get("missed_limit", 100),
        overlap=_choice(given, "overlap", Overlap, where) or Overlap.ALLOW,
    )


def _check_types(given: Mapping[str, Any], where: str) -> None:
    for name, value in given.items():
        if name not in _SHAPE:
            close = get_close_matches(str(name), _SHAPE, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(_SHAPE)}"
            raise ConfigError(f"{where}: unknown key {name!r}{hint}")
        expected, types = _SHAPE[name]
        if not isinstance(value, types) or isinstance(value, bool) or value == "":
            raise ConfigError(f"{where}: {name} should be {expected}, not {value!r}")


def _check_timing(given: Mapping[str, Any], now: datetime, where: str) -> None:
    timings = [name for name in _TIMINGS if name in given]
    days = [name for name in ("weekday", "monthday") if name in given]
    if days and "dailytime" not in given:
        raise ConfigError(f"{where}: {days[0]} says the day only; add dailytime=datetime.time(...), which is in UTC")
    if len(timings) != 1:
        has = f"it has {' and '.join(timings)}" if timings else "it has none"
        raise ConfigError(f"{where} needs one of interval, dailytime, cron and at; {has}")
    for name, (least, most) in _BOUNDS.items():
        if not least <= given.get(name, least) <= most:  # nor is "not a number" between them
            raise ConfigError(f"{where}: {name} should be from {least:,} to {most:,}, not {given[name]!r}")
    if not 0 <= given.get("weekday", 0) <= 6 or not 1 <= given.get("monthday", 1) <= 31:
        raise ConfigError(f"{where}: weekday should be 0 (Monday) to 6, monthday 1 to 31")
    if "timezone" in given and "cron" not in given:
        raise ConfigError(f"{where}: a timezone belongs to cron; the other times are in UTC")
    _check_zone(given.get("timezone", "UTC"), where)
    if "cron" in given and (wrong := cron_error(given["cron"], now)):
        raise ConfigError(f"{where}: cron expression {given['cron']!r}: {wrong}")
    start, end = _moment(given.get("start")), _moment(given.get("end"))
    if start is not None and end is not None and end < start:
        raise ConfigError(f"{where}: it ends ({end}) before it starts ({start})")


def _check_zone(zone: str, where: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"{where}: there is no time zone {zone!r} here; write it as Europe/Paris (the package tzdata has them all)"
        ) from None


def _time_of(value: time | datetime, where: str) -> time:
    """The time of day in UTC; 0.9's documents keep it as a date of which only the time counts."""
    if isinstance(value, datetime):
        return value.time()
    if value.tzinfo is None:
        return value
    if value.utcoffset() is None:
        raise ConfigError(
            f"{where}: dailytime is in UTC, and {value.tzinfo} is not always as far from it; for a time of that zone "
            f"use cron='{value.minute} {value.hour} * * *' with timezone={str(value.tzinfo)!r}"
        )
    return datetime.combine(date(_LEAP_YEAR, 1, 1), value).astimezone(UTC).time()


def _moment(value: datetime | None) -> datetime | None:
    """A moment as it is stored: naive, UTC, in milliseconds."""
    if value is None:
        return None
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value - timedelta(microseconds=value.microsecond % 1000)


def _choice(given: Mapping[str, Any], name: str, kind: Any, where: str) -> Any:
    value = given.get(name)
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(choice.value for choice in kind)
        raise ConfigError(f"{where}: {name} should be one of {choices}, not {value!r}") from None
