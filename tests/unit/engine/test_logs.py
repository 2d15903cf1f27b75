"""Log lines on their way: bounded memory, one piece a job, dropped lines said, nothing that goes wrong gets out."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.loglines import LogLine
from mrq.engine import logs as module
from mrq.engine.logs import LogBuffer, LogWriter
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from mrq.stores.memory_logs import MemoryLogStore
from unit.engine.kit import ManualClock

if TYPE_CHECKING:
    from mrq.ports.logs import LogText

AGE = 10.0


class Store(MemoryLogStore):
    """Can be away, or do as asked and lose the answer, or refuse some texts."""

    def __init__(self) -> None:
        super().__init__()
        self.away = self.loses = False
        self.refuses = ""
        self.calls = 0

    def append(self, texts: Any) -> None:
        self.calls += 1
        if self.away:
            raise StoreUnavailableError("away")
        if self.refuses and any(self.refuses in text.text for text in texts):
            raise ValueError("can't be stored")
        super().append(texts)
        if self.loses:
            raise StoreUnavailableError("the answer was lost")


class Bench:
    """A buffer with its writer."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.buffer = LogBuffer(self.clock.monotonic)
        self.store = Store()
        self.worker = new_id()
        self.writer = LogWriter(self.buffer, self.store, new_id, AGE)
        self.writer.act_as(self.worker)

    def of(self, job: Any) -> list[str]:
        return [text.text for text in self.store.read(job=job)]

    def of_worker(self) -> list[str]:
        return [text.text for text in self.store.read(worker=self.worker)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_job_that_ends_has_one_piece(bench: Bench) -> None:
    job = new_id()
    bench.buffer.add(job, "one")
    assert bench.writer.flush(AGE), "it runs, and its lines are young"
    bench.buffer.add(job, "two")
    assert bench.of(job) == []
    bench.buffer.ended(job)
    assert bench.writer.flush(AGE)
    assert bench.of(job) == ["one\ntwo\n"]
    assert bench.buffer.empty


def test_a_job_that_goes_on_is_written_now_and_then(bench: Bench) -> None:
    job = new_id()
    bench.buffer.add(job, "one")
    bench.clock.pass_by(AGE)
    bench.writer.flush(AGE)
    bench.buffer.add(job, "two")
    bench.writer.flush(AGE)
    assert bench.of(job) == ["one\n"]
    bench.clock.pass_by(AGE)
    bench.writer.flush(AGE)
    assert bench.of(job) == ["one\n", "two\n"]


def test_lines_outside_of_jobs_are_the_workers(bench: Bench) -> None:
    bench.buffer.add(None, "hello")
    bench.writer.close()
    assert bench.of_worker() == ["hello\n"]


def test_a_worker_that_was_named_stays_the_one() -> None:
    named, store, buffer = new_id(), Store(), LogBuffer()
    writer = LogWriter(buffer, store, new_id, AGE, named)
    writer.act_as(new_id())
    buffer.add(None, "hello")
    writer.flush()
    assert len(store.read(worker=named)) == 1


def test_without_a_worker_such_lines_are_nobodys() -> None:
    store, buffer = Store(), LogBuffer()
    buffer.add(None, "hello")
    assert LogWriter(buffer, store, new_id, AGE).flush()
    assert store.calls == 0
    assert buffer.empty


def test_an_end_without_lines_is_nothing(bench: Bench) -> None:
    bench.buffer.ended(new_id())
    assert bench.writer.flush()
    assert bench.store.calls == 0


def test_lines_outlive_an_outage(bench: Bench) -> None:
    job = new_id()
    bench.store.away = True
    bench.buffer.add(job, "before")
    bench.buffer.ended(job)
    assert not bench.writer.flush()
    bench.buffer.add(job, "meanwhile")
    assert not bench.writer.flush()
    bench.store.away = False
    assert bench.writer.flush()
    assert bench.of(job) == ["before\n", "meanwhile\n"]
    assert bench.buffer.empty


def test_an_answer_that_got_lost_doubles_nothing(bench: Bench) -> None:
    job = new_id()
    bench.buffer.add(job, "once")
    bench.store.loses = True
    assert not bench.writer.flush()
    bench.store.loses = False
    assert bench.writer.flush()
    assert bench.of(job) == ["once\n"]


@pytest.mark.parametrize(("bound", "value"), [("MOST_LINES", 10), ("LARGEST_BUFFER", 10 * len("000\n"))])
def test_when_memory_is_full_the_oldest_lines_go_and_that_is_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(module, bound, value)
    job = new_id()
    bench.store.away = True
    for n in range(8):
        bench.buffer.add(job, f"{n:03}")
    bench.writer.flush()  # eight lines are a piece that could not be written
    for n in range(8, 40):
        bench.buffer.add(job, f"{n:03}")
    bench.store.away = False
    bench.buffer.ended(job)
    bench.writer.flush()
    text = "".join(bench.of(job))
    assert text.startswith("[mrq] 30 lines were dropped here")
    assert text.splitlines()[1:] == [f"{n:03}" for n in range(30, 40)]
    assert bench.buffer.empty


def test_dropped_lines_are_said_also_of_jobs_of_which_nothing_is_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 2)
    first, second = new_id(), new_id()
    bench.buffer.add(first, "gone")
    bench.buffer.add(second, "a")
    bench.buffer.add(second, "b")
    bench.writer.flush()
    assert bench.of(first) == ["[mrq] 1 lines were dropped here: they came faster than they could be stored\n"]
    assert bench.of(second) == ["a\nb\n"]


def test_the_number_of_jobs_with_dropped_lines_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 1)
    monkeypatch.setattr(module, "MOST_DROPPED", 5)
    for _ in range(50):
        bench.buffer.add(new_id(), "x")
    assert len(bench.buffer._dropped) <= 6
    bench.writer.flush()
    assert "44 lines were dropped" in bench.of_worker()[0]


def test_what_can_never_be_stored_is_dropped_alone(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = new_id(), new_id()
    bench.store.refuses = "poison"
    bench.buffer.add(good, "fine")
    bench.buffer.add(bad, "poison")
    with caplog.at_level(logging.ERROR, "mrq.logs"):
        assert not bench.writer.flush()
    assert bench.of(good) == ["fine\n"]
    assert "1 pieces of log could not be stored" in caplog.text
    bench.writer.flush()
    assert bench.of(bad) == ["[mrq] 1 lines were dropped here: they came faster than they could be stored\n"]


def test_large_logs_are_cut_into_pieces(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_TEXT", 10)
    job = new_id()
    for n in range(5):
        bench.buffer.add(job, f"{n:03}")
    bench.writer.flush()
    assert bench.of(job) == ["000\n001\n", "002\n003\n", "004\n"]


def test_text_that_no_database_takes_is_made_fit(bench: Bench) -> None:
    job = new_id()
    bench.buffer.add(job, "a\ud800b")
    bench.buffer.add(job, "x" * 1_000_000)
    bench.writer.flush()
    (text,) = bench.of(job)
    assert text.startswith("a\\ud800b\n")
    assert len(text) < 70_000


def test_a_store_that_breaks_breaks_nothing_else(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_texts: list[LogText]) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(bench.store, "append", broken)
    monkeypatch.setattr(bench.store, "prepare", lambda: broken([]))
    bench.buffer.add(new_id(), "x")
    bench.writer.prepare()
    bench.writer.close()


def test_lines_keep_their_time_level_and_run(bench: Bench) -> None:
    job, first, second = new_id(), datetime(2026, 1, 5), datetime(2026, 1, 6)
    bench.buffer.add(job, "one", first, logging.INFO, first)
    bench.buffer.add(job, "two", second, logging.ERROR, second)
    bench.buffer.ended(job, first)
    bench.writer.flush(AGE)
    (text,) = bench.store.read(job=job)
    assert (text.run, list(text.lines())) == (first, [LogLine("one", first, logging.INFO)])
    bench.writer.flush()
    assert [list(text.lines()) for text in bench.store.read(job=job)][1:] == [[LogLine("two", second, logging.ERROR)]]


def test_a_run_may_write_so_much_and_not_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_RUN", 10)
    job, other, first, second = new_id(), new_id(), datetime(2026, 1, 5), datetime(2026, 1, 6)
    for _ in range(5):
        bench.buffer.add(job, "1234", run=first)
        bench.buffer.add(None, "1234")
    bench.writer.flush()
    bench.buffer.add(job, "1234", run=first)
    bench.buffer.ended(job, first)
    bench.buffer.add(job, "again", run=second)
    bench.buffer.add(other, "1234")
    bench.writer.flush()
    assert bench.of(job) == ["1234\n1234\n", "[mrq] 4 more lines were left out: a run may write 9.53674e-06 MiB\n",
                             "again\n"]  # fmt: skip
    assert bench.of(other) == ["1234\n"]
    assert bench.of_worker() == ["1234\n" * 5]


def test_of_how_many_runs_it_is_known_what_they_wrote_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RUNS", 3)
    monkeypatch.setattr(module, "LARGEST_RUN", 1)
    for _ in range(20):
        bench.buffer.add(new_id(), "x", run=datetime(2026, 1, 5))
    assert len(bench.buffer._written) == len(bench.buffer._over) == 3
