"""The shared memory between a worker and its guard."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from mrq_container.board import NO_DEADLINE, SLOTS, Board, BoardGuard, Entry

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board.create()
    yield made
    made.close()


def test_a_new_board_shows_a_worker_that_is_not_there_yet(board: Board) -> None:
    assert not board.header().ready
    assert board.entries() == []


def test_running_jobs_are_shown_until_they_end(board: Board) -> None:
    first = board.enter(b"a" * 12, b"t" * 12, 5.0)
    second = board.enter(b"b" * 12, None, NO_DEADLINE)
    assert board.entries() == [Entry(b"a" * 12, b"t" * 12, 5.0), Entry(b"b" * 12, None, NO_DEADLINE)]
    board.leave(first)
    assert board.entries() == [Entry(b"b" * 12, None, NO_DEADLINE)]
    assert board.enter(b"c" * 12, None, 1.0) == first, "slots are used again"
    board.leave(second)
    assert board.header().slots == 2


def test_more_jobs_than_slots_are_run_unwatched(board: Board) -> None:
    for _ in range(SLOTS):
        board.enter(b"a" * 12, None, 1.0)
    assert board.enter(b"b" * 12, None, 1.0) == -1
    board.leave(-1)
    assert len(board.entries()) == SLOTS


def test_another_process_reads_what_the_worker_writes(board: Board) -> None:
    worker, job = ObjectId(), ObjectId()
    guard = BoardGuard(board, lambda: 42.0, heartbeat_interval=0.5)
    guard.identity(worker)
    guard.beat()
    guard.enter(job, None, None)
    guard.finishing(3, replace=True)
    script = (
        "import sys\n"
        "from mrq_container.board import Board\n"
        "b = Board(int(sys.argv[1])); h = b.header()\n"
        "print(h.identity.hex(), h.ready, h.finishing, h.replace, h.exit_code, h.alive, h.beat, h.interval,"
        " [e.job.hex() for e in b.entries()])\n"
        "assert not [m for m in ('gevent', 'pymongo', 'bson', 'redis', 'click') if m in sys.modules]\n"
    )
    seen = subprocess.run(
        [sys.executable, "-c", script, str(board.fd)],
        pass_fds=(board.fd,),
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert seen.strip() == f"{worker} True True True 3 42.0 42.0 0.5 ['{job}']"


class Watched:
    """The memory of a board, of which all is read between any two writes: there a worker may lose the processor."""

    def __init__(self, memory: mmap.mmap) -> None:
        self.memory = memory
        self.reader = Board.__new__(Board)
        self.reader._memory = memory
        self.seen: list[tuple[float, list[Entry]]] = []

    def __setitem__(self, where: Any, value: Any) -> None:
        self.memory[where] = value
        self.seen.append((self.reader.header().alive, self.reader.entries()))


def test_a_guard_never_sees_half_a_job_or_half_a_header(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline of 0, or a worker whose loops never turned: either would have a healthy worker killed."""
    board.update(alive=5.0, ready=True)
    memory = board._memory
    watched = Watched(memory)
    monkeypatch.setattr(board, "_memory", watched)
    first = board.enter(b"a" * 12, b"t" * 12, 7.0)
    board.leave(first)
    board.enter(b"b" * 12, None, 8.0)
    board.update(alive=6.0)
    monkeypatch.setattr(board, "_memory", memory)
    assert {alive for alive, _ in watched.seen} == {5.0, 6.0}
    whole = [Entry(b"a" * 12, b"t" * 12, 7.0), Entry(b"b" * 12, None, 8.0)]
    seen = [entry for _, entries in watched.seen for entry in entries]
    assert all(entry in whole for entry in seen)
    assert set(seen) == set(whole)
