"""When something recurs: pure arithmetic on times. Times are naive and in UTC; a cron expression has a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_SEARCH = 366 * 28 * 2  # days; weekdays and days of the month meet again within 28 years
_NEAR = timedelta(hours=4)  # of a change of the clock, which is of three hours at most
_CRON_FIELDS = 5


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

    Its times are those that CronSim finds on its way forwards, begun before a change of the clock: begun within one, or
    on its way back, it answers otherwise.
    """

    expression: str
    zone: str = "UTC"

    def following(self, after: datetime) -> datetime | None:
        """See Trigger."""
        begin = after if self._is_steady(after) else after - _NEAR
        return next((found for found in self._forwards(begin) if found > after), None)

    def preceding(self, until: datetime) -> datetime | None:
        """See Trigger."""
        while (about := self._before(until)) is not None:
            # What is found on the way back says about where to look only.
            begin = about - timedelta(seconds=1) if self._is_steady(about) else about - 2 * _NEAR
            last = None
            for found in self._forwards(begin):
                if found > until:
                    break
                last = found
            if last is not None:
                return last
            until = begin
        return None

    def _is_steady(self, moment: datetime) -> bool:
        """Whether the clocks of the zone don't change hereabouts."""
        return self._local(moment - _NEAR).utcoffset() == self._local(moment + _NEAR).utcoffset()

    def _local(self, moment: datetime) -> datetime:
        return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(self.zone))

    def _forwards(self, begin: datetime) -> Iterator[datetime]:
        for found in CronSim(self.expression, self._local(begin)):
            yield found.astimezone(UTC).replace(tzinfo=None)

    def _before(self, until: datetime) -> datetime | None:
        # cron knows minutes, and looks only at those before the one it is given
        start = self._local(until.replace(second=0, microsecond=0) + timedelta(minutes=1))
        found = next(CronSim(self.expression, start, reverse=True), None)
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
    fields = len(expression.split())
    if fields != _CRON_FIELDS:
        return f"it should have five fields (minute, hour, day of the month, month, day of the week), not {fields}"
    try:
        found = Cron(expression).following(now)
    except CronSimError as error:
        return str(error)
    return "it never happens" if found is None else None
