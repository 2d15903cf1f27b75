"""The guard's own housekeeping, without workers."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from mrq_container import guard, watched
from mrq_container.watched import Watched
from support.waiting import wait_until

if TYPE_CHECKING:
    import pytest


def test_helpers_that_have_ended_are_reaped_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "Signals", lambda: None)
    lone = guard.Guard([])
    helper = subprocess.Popen([sys.executable, "-c", ""])
    lone._cleaners.append(helper)  # type: ignore[arg-type]

    def reaped() -> bool:
        lone._look()
        return helper.returncode is not None

    wait_until(reaped)
    assert lone._cleaners == []


class NoProcess:
    """What a worker's process looks like; it feels nothing."""

    pid = 1

    def __init__(self, *_: Any, **__: Any) -> None:
        self.felt: list[int] = []

    def send_signal(self, number: int) -> None:
        self.felt.append(number)

    def kill(self) -> None:
        """That of a stand-in."""

    def wait(self) -> int:
        return 0

    def poll(self) -> None:
        return None


def test_a_worker_goes_on_after_it_was_suspended_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now, stopped = [1000.0], [False]
    monkeypatch.setattr(watched.subprocess, "Popen", NoProcess)
    monkeypatch.setattr(watched.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(watched, "is_stopped", lambda _pid: stopped[0])
    worker = Watched([])
    worker.board.update(ready=True, alive=1000.0, beat=1000.0, interval=3.0, identity=b"w" * 12)
    worker.board.enter(b"j" * 12, b"t" * 12, 1010.0)
    process: Any = worker.process

    def looks(seconds: float) -> None:
        for _ in range(int(2 * seconds)):
            now[0] += 0.5
            worker.look()

    stopped[0] = True
    looks(600)
    stopped[0] = False
    looks(3)
    assert watched.signal.SIGKILL not in process.felt
    now[0] += 600  # all were suspended, the guard too
    looks(3)
    assert watched.signal.SIGKILL not in process.felt
    looks(10)
    assert process.felt[-1] == watched.signal.SIGKILL, "it is stuck"
    worker.close()


def test_a_worker_that_runs_no_job_is_looked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "Signals", lambda: None)
    monkeypatch.setattr(watched.subprocess, "Popen", NoProcess)
    monkeypatch.setattr(watched, "is_stopped", lambda _pid: False)
    lone = guard.Guard([])
    lone._carry_out(lone._plan.begin(0.0))
    (worker,) = lone._workers.values()
    assert lone._look(), "it is starting"
    now = watched.time.monotonic()
    worker.board.update(ready=True, alive=now, beat=now, interval=30.0, identity=b"w" * 12)
    assert not lone._look()
    slot = worker.board.enter(b"j" * 12, b"t" * 12, now + 60)
    assert lone._look()
    worker.board.leave(slot)
    assert not lone._look()
    worker.board.update(finishing=True)
    assert lone._look()
    worker.close()
