"""A task that says nothing of its length is taken by bursts once the statistics know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mrq import app_stats
from mrq.domain.status import Status
from mrq.engine.collector import Collector
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from mrq.testing import memory_app
from mrq_lambda.burst import drain, measured
from mrq_lambda.measuring import FEWEST, FRESH, Measured
from support.lambdacontext import FakeContext
from support.ledger import VARIABLE
from unit.engine.statskit import job, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mrq.testing import MemoryApp

UNDECLARED = "support.bursttasks.undeclared"
pytestmark = pytest.mark.usefixtures("own_logging")


@pytest.fixture
def app() -> Iterator[MemoryApp]:
    with memory_app() as made:
        yield made


def ran(app: MemoryApp, path: str, seconds: float, runs: int = FEWEST) -> None:
    """So many runs of a task, each of so many seconds, as a worker has counted them."""
    assert app.stats is not None
    collector = Collector(app.stats, str(new_id()), app.clock, 3600.0)
    jobs = [job(path=path) for _ in range(runs)]
    collector.started(jobs)
    collector.ended([(run(each, seconds), Status.SUCCESS) for each in jobs])
    assert collector.flush(new_id())


def test_the_p99_of_the_last_day_is_what_a_job_needs(app: MemoryApp) -> None:
    ran(app, "t.Quick", 2.0)
    for _ in range(3):  # minutes, hours, days
        app.clock.pass_by(3600)
        upkeep = app_stats.upkeep(app)
        assert upkeep is not None
        upkeep.stats_round(app.clock.now())
    ran(app, "t.Quick", 40.0, runs=3)
    ran(app, "t.Slow", 700.0)
    assert Measured().p99(app, "t.Quick") == pytest.approx(40.0, rel=0.06)
    assert Measured().p99(app, "t.Slow") == pytest.approx(700.0, rel=0.06)
    app.clock.pass_by(26 * 3600)
    assert Measured().p99(app, "t.Slow") is None, "it is long ago"


def test_of_few_runs_nothing_is_concluded(app: MemoryApp) -> None:
    ran(app, "t.Rare", 2.0, runs=FEWEST - 1)
    assert Measured().p99(app, "t.Rare") is None
    assert Measured().p99(app, "t.Never") is None


def test_what_was_read_is_kept_for_a_while_and_for_this_app_only(
    app: MemoryApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, now = Measured(), 1000.0
    monkeypatch.setattr(app.clock, "monotonic", lambda: now)
    assert known.p99(app, "t.T") is None
    ran(app, "t.T", 2.0)
    assert known.p99(app, "t.T") is None, "it was asked before"
    now += FRESH + 1
    assert known.p99(app, "t.T") is not None
    with memory_app() as other:
        assert known.p99(other, "t.T") is None


def test_without_statistics_or_without_their_database_nothing_is_known(
    app: MemoryApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError("away")

    ran(app, "t.T", 2.0)
    monkeypatch.setattr(app.stats_store, "read", away)
    assert Measured().p99(app, "t.T") is None
    with memory_app(stats=False) as off:
        assert Measured().p99(off, "t.T") is None


def test_a_burst_takes_a_task_that_was_measured_and_fits(
    app: MemoryApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "ledger"))
    (queued,) = app.enqueuer.enqueue(UNDECLARED, [{"key": "x"}], "default")
    ran(app, UNDECLARED, 2.0)
    assert measured(UNDECLARED) == pytest.approx(2.0, rel=0.06)
    assert drain(app, {"margin": 1}, FakeContext(60.0))["jobs"] == 1
    record = app.jobs.fetch(queued)
    assert record is not None
    assert record.status is Status.SUCCESS


def test_a_measured_task_that_fits_no_more_is_left_to_containers_whatever_it_declares(app: MemoryApp) -> None:
    app.enqueuer.enqueue("support.bursttasks.work", [{"key": "x"}], "default")  # declares a second
    ran(app, "support.bursttasks.work", 90.0)
    told = drain(app, {"margin": 1}, FakeContext(60.0))
    assert (told["jobs"], list(told["for_containers"])) == (0, ["support.bursttasks.work"])
