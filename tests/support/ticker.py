"""A process that ticks in simulated time: all that are started with the same arguments see the same time.

python -m support.ticker MONGODB_URL EPOCH_SECONDS_OF_REAL_START SPEED ISO_START DAYS
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta

from mrq.app import App
from mrq.domain.schedule import Missed, Overlap, Schedule
from mrq.engine import scheduler as engine


class FastClock:
    """Time that passes `speed` times as fast as it does."""

    def __init__(self, real_start: float, speed: float, start: datetime) -> None:
        self._real_start, self._speed, self._start = real_start, speed, start

    def now(self) -> datetime:
        now = self._start + timedelta(seconds=(time.time() - self._real_start) * self._speed)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        return time.monotonic()


SCHEDULES = [
    Schedule("tasks.Often", interval=900.0, missed=Missed.ALL, missed_limit=1000, name="often"),
    Schedule("tasks.Cron", cron="*/30 * * * *", timezone="Europe/Paris", missed=Missed.ALL, missed_limit=1000),
    Schedule("tasks.Skipped", interval=900.0, missed=Missed.ALL, overlap=Overlap.SKIP, name="skipped"),
    Schedule("tasks.Once", interval=900.0, missed=Missed.ONCE, overlap=Overlap.SKIP, name="once"),
    Schedule("tasks.Replaced", interval=3600.0, missed=Missed.ONCE, overlap=Overlap.CANCEL, name="replaced"),
    Schedule("tasks.Nightly", cron="30 2 * * *", timezone="Europe/Paris", missed=Missed.ALL),
]


def main() -> None:
    """Sync and tick until the simulated days are over."""
    url, real_start, speed, start, days = sys.argv[1:]
    engine.LONGEST_STEP = 3 * float(speed)  # in simulated time; processes stop for moments only
    began = datetime.fromisoformat(start)
    clock = FastClock(float(real_start), float(speed), began)
    app = App({"mongodb_jobs": url, "redis": "redis://127.0.0.1:1"}, clock=clock)
    scheduler = app.scheduler()
    scheduler.enqueuer.wakeups = type("Quiet", (), {"notify": lambda *_: None})()  # type: ignore[assignment]
    app.schedules.sync(SCHEDULES, began)
    end = began + timedelta(days=float(days))
    while (now := clock.now()) < end:
        scheduler.tick(now)
    scheduler.tick(end)


if __name__ == "__main__":
    main()
