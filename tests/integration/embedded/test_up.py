"""Both servers in the foreground, as `mrq up` runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from mrq.embedded.ask import ask_mongod, ask_redis
from mrq.embedded.both import running_urls
from mrq.embedded.process import process_runs
from mrq.embedded.up import keep_running
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def up(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, list[int]]]:
    """A process in keep_running, its export line, and the pids of its servers."""
    code = (
        "import sys; from pathlib import Path; from mrq.embedded.up import keep_running\n"
        f"sys.exit(keep_running(Path({str(folder)!r}), lambda line: print(line, flush=True)))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            exports = next(line for line in process.stdout if line.startswith("export "))
            mongo_port, redis_port = (int((folder / name / "port").read_text()) for name in ("mongod", "valkey"))
            info = ask_redis(redis_port, "INFO server")
            yield (
                process,
                exports,
                [
                    ask_mongod(mongo_port, {"serverStatus": 1})["pid"],
                    int(info.partition("process_id:")[2].split()[0]),
                ],
            )
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_urls_stay(number: signal.Signals, tmp_path: Path) -> None:
    with up(tmp_path) as (process, exports, pids):
        mongo_port = (tmp_path / "mongod" / "port").read_text().strip()
        redis_port = (tmp_path / "valkey" / "port").read_text().strip()
        assert exports == (
            f"export MRQ_MONGODB_JOBS=mongodb://127.0.0.1:{mongo_port}/mrq MRQ_REDIS=redis://127.0.0.1:{redis_port}/0\n"
        )
        process.send_signal(number)
        assert process.wait(20) == 0
        assert not any(process_runs(pid) for pid in pids)
    with up(tmp_path) as (_, again, _):
        assert again == exports


@pytest.mark.parametrize("which", [0, 1])
def test_a_server_that_dies_ends_it_with_1(which: int, tmp_path: Path) -> None:
    with up(tmp_path) as (process, _, pids):
        os.kill(pids[which], signal.SIGKILL)
        assert process.wait(20) == 1
        assert process.stdout is not None
        said = process.stdout.read()
        name = ("mongod", "valkey")[which]
        assert f"{name} has ended by itself" in said
        assert str(tmp_path / name / f"{name}.log") in said
        wait_until(lambda: not any(process_runs(pid) for pid in pids), what="both are gone")


def test_the_callers_stop_ends_it_and_its_signal_handlers_come_back(tmp_path: Path) -> None:
    lines: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    assert keep_running(tmp_path, lines.append, lambda: True) == 0
    assert signal.getsignal(signal.SIGINT) is before
    assert lines[-1] == f"Stopped; the data stay in {tmp_path}."


def test_where_it_runs_already_a_second_one_tells_the_addresses(tmp_path: Path) -> None:
    with up(tmp_path) as (process, exports, _):
        lines: list[str] = []
        assert keep_running(tmp_path, lines.append) == 0
        assert lines[0] == f"`mrq up` runs on {tmp_path} already."
        assert f"{lines[-1]}\n" == exports
        assert process.poll() is None
    assert running_urls(tmp_path) is None
    assert running_urls(tmp_path / "nothing") is None
