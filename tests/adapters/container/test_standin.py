"""The one that writes heartbeats in a worker's place says why, and only what is true."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from mrq.exceptions import ServerUnavailableError
from mrq.settings import Loaded, Settings
from mrq.testing import memory_app
from mrq_container import standin
from mrq_container.board import Board

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    board = Board.create()
    monkeypatch.setenv("MRQ_GUARD_BOARD", str(board.fd))
    monkeypatch.setattr(standin, "die_with_guard", lambda: None)
    ours = logging.getLogger("mrq")  # which a helper process sets up for itself
    before = ours.handlers[:], ours.propagate, ours.level
    yield board
    ours.handlers[:], ours.propagate = before[:2]
    ours.setLevel(before[2])
    board.close()


def said(board: Board, answers: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> str:
    """Let it beat, with these answers; what it writes."""
    waiting = iter(answers)

    def beat(worker: object) -> datetime | None:
        answer: datetime | None = next(waiting)
        if answer is None:
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    with memory_app() as app:
        board.update(identity=app.jobs.new_id().binary, ready=True)
        monkeypatch.setattr(standin, "app_of", lambda loaded: app)
        monkeypatch.setattr(app.workers, "beat", beat)
        monkeypatch.setattr(standin.time, "sleep", lambda seconds: None)
        assert standin.stand_in(Loaded(Settings(), [])) == 0
    return str(capsys.readouterr().err)


def test_nothing_is_said_of_the_worker_while_mongodb_is_away(
    board: Board, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(board, [ServerUnavailableError("away"), None], monkeypatch, capsys) == ""


def test_a_worker_whose_loops_turn_is_not_said_to_be_stuck(
    board: Board, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    board.update(alive=time.monotonic())
    text = said(board, [datetime(2026, 1, 1), datetime(2026, 1, 1), None], monkeypatch, capsys)
    assert "[WARNING] worker " in text
    assert text.count("is late with its heartbeat: its lease is kept for it") == 1


def test_one_that_does_not_yield_is(
    board: Board, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    board.update(alive=time.monotonic() - 7)
    text = said(board, [datetime(2026, 1, 1), None], monkeypatch, capsys)
    assert "has not yielded for 7 s: its lease is kept for it" in text
