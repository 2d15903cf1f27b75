"""Eight processes that tick together over simulated days, while some of them are killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from mrq.domain.trigger import Cron, Every, Trigger
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 10, 23, 22)  # in the night after next the clocks of Paris are set back
DAYS, SPEED, PROCESSES, KILLS = 4.0, 4 * 86400 / 12.0, 8, 12
TESTS = Path(__file__).parents[2]


class Tickers:
    """The processes."""

    def __init__(self, url: str) -> None:
        self._arguments = [url, str(time.time() + 2.0), str(SPEED), START.isoformat(), str(DAYS)]
        self.running = [self._start() for _ in range(PROCESSES)]

    def _start(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        return subprocess.Popen(
            [sys.executable, "-m", "support.ticker", *self._arguments], env={**os.environ, "PYTHONPATH": path}
        )

    def kill_one(self) -> None:
        """Kill any of them, wherever it is, and start another."""
        index = random.randrange(PROCESSES)
        self.running[index].kill()
        self.running[index].wait()
        self.running[index] = self._start()

    def wait(self) -> list[int]:
        return [process.wait(60) for process in self.running]

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def tickers(mongodb_url: str) -> Iterator[Tickers]:
    started = Tickers(mongodb_url)
    yield started
    started.close()


def expected(trigger: Trigger, first: datetime | None = None) -> list[datetime]:
    end, found = START + timedelta(days=DAYS), [] if first is None else [first]
    while (following := trigger.following(found[-1] if found else START)) is not None and following <= end:
        found.append(following)
    return found


def test_every_time_of_every_schedule_is_one_job(tickers: Tickers, mongodb_url: str) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(mongodb_url)
    jobs = client.get_default_database()["mrq_jobs"]
    for n in range(KILLS):
        wait_until(lambda n=n: jobs.count_documents({}) > 40 * n, 60, what="jobs are queued")
        tickers.kill_one()
    assert tickers.wait() == [0] * PROCESSES
    queued = [(job["path"], job["datequeued"]) for job in jobs.find()]
    replaced = [job["status"] for job in jobs.find({"path": "tasks.Replaced"}, sort=[("datequeued", 1)])]
    often = client.get_default_database()["mrq_scheduled_jobs"].find_one({"name": "often"}) or {}
    client.close()
    assert [place for place, many in Counter(queued).items() if many > 1] == []
    by_path = {path: sorted(due for name, due in queued if name == path) for path, _ in queued}
    assert by_path["tasks.Often"] == expected(Every(900.0, START), START)
    assert by_path["tasks.Cron"] == expected(Cron("*/30 * * * *", "Europe/Paris"))
    assert by_path["tasks.Nightly"] == expected(Cron("30 2 * * *", "Europe/Paris"))
    assert len(by_path["tasks.Nightly"]) == 4
    # No job of these ever ends, so there is one of each that leaves out, and one that the last replacement has left.
    assert len(by_path["tasks.Skipped"]) == len(by_path["tasks.Once"]) == 1
    assert replaced == ["cancel"] * (len(replaced) - 1) + ["queued"]
    assert len(replaced) > 1
    assert [run["due"] for run in often["history"]] == by_path["tasks.Often"][-30:]
