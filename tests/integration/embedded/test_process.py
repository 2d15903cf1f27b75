"""A kept process that ignores SIGTERM: owner and keeper kill it after the time they give it."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from mrq.embedded import process
from mrq.embedded.process import KeptProcess, process_runs
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

STUBBORN = (
    "import signal\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "while True: signal.pause()"
)


@pytest.fixture
def stubborn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeptProcess:
    monkeypatch.setattr(process, "STOP_GRACE", 1.0)
    log = tmp_path / "log"
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    kept = KeptProcess([sys.executable, "-c", STUBBORN], folder=tmp_path, log=log, lock=lock, remove=None)
    os.close(lock)
    wait_until(lambda: "deaf" in log.read_text())
    return kept


def test_the_owner_kills_it(stubborn: KeptProcess) -> None:
    stubborn.ask_to_stop()
    stubborn.wait_gone()
    assert not process_runs(stubborn.pid)
    assert stubborn.exit_code == 128 + signal.SIGKILL


def test_the_keeper_kills_it(stubborn: KeptProcess) -> None:
    os.kill(stubborn.keeper_pid, signal.SIGTERM)
    wait_until(lambda: not stubborn.alive, timeout=8)
    assert not process_runs(stubborn.pid)
    stubborn.wait_gone()
