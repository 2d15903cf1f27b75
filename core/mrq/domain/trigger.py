"""When something recurs: pure arithmetic on times. Times are naive and in UTC; a cron expression has a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_LONGEST_SEARCH = 366 * 28 * 2  # days; weekdays and days of the month meet again within 28 years


class Trigger(Protocol):
    """A rule for times."""

    def following(self, after: datetime) -> datetime | None:
        """The first time after another one; None: there is none any more."""
        ...

    def preceding(self, until: datetime) -> datetime | None:
        """The last time that is not after another one; None: there was none."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many seconds (to the millisecond), counted from `anchor`, which is the first time."""

    seconds: float
    anchor: datetime

    def following(self, after: datetime) -> datetime | None:
        """See Trigger."""
        return self.anchor + max(0, (after - self.anchor) // self._step + 1) * self._step

    def preceding(self, until: datetime) -> datetime | None:
        """See Trigger."""
        steps = (until - self.anchor) // self._step
        return None if steps < 0 else self.anchor + steps * self._step

    @property
    def _step(self) -> timedelta:
        return timedelta(milliseconds=max(1, round(self.seconds * 1000)))


@dataclass(frozen=True, slots=True)
class Daily:
    """Once a day at a time (UTC); with `weekday` (0: Monday) and `monthday` only on days that are both."""

    at: time
    weekday: int | None = None
    monthday: int | None = None

    def following(self, after: datetime) -> datetime | None:
        """See Trigger."""
        day = after.date() if after.time() < self.at else after.date() + timedelta(days=1)
        return self._search(day, timedelta(days=1))

    def preceding(self, until: datetime) -> datetime | None:
        """See Trigger."""
        day = until.date() if until.time() >= self.at else until.date() - timedelta(days=1)
        return self._search(day, timedelta(days=-1))

    def _search(self, day: date, step: timedelta) -> datetime | None:
        for _ in range(_LONGEST_SEARCH):
            if self.weekday in (None, day.weekday()) and self.monthday in (None, day.day):
                return datetime.combine(day, self.at)
            day += step
        return None


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression of five fields in the time of a zone.

    Around changes of the clock it does what Debian's cron does: a time that doesn't exist comes right after
    the gap, one that exists twice comes once, and what recurs within each hour goes on by real time.
    """

    expression: str
    zone: str = "UTC"

    def following(self, after: datetime) -> datetime | None:
        """See Trigger."""
        return self._next(after, reverse=False)

    def preceding(self, until: datetime) -> datetime | None:
        """See Trigger."""
        # cron knows minutes, and looks only at those before the one it is given
        return self._next(until.replace(second=0, microsecond=0) + timedelta(minutes=1), reverse=True)

    def _next(self, start: datetime, *, reverse: bool) -> datetime | None:
        local = start.replace(tzinfo=UTC).astimezone(ZoneInfo(self.zone))
        found = next(CronSim(self.expression, local, reverse=reverse), None)
        return None if found is None else found.astimezone(UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Once:
    """One time only."""

    at: datetime

    def following(self, after: datetime) -> datetime | None:
        """See Trigger."""
        return self.at if self.at > after else None

    def preceding(self, until: datetime) -> datetime | None:
        """See Trigger."""
        return self.at if self.at <= until else None


def cron_error(expression: str, now: datetime) -> str | None:
    """What is wrong with a cron expression, in words; None: nothing."""
    try:
        found = Cron(expression).following(now)
    except CronSimError as error:
        return str(error)
    return "it never happens" if found is None else None
