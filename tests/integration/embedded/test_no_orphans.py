"""No server outlives the process that started it, however that one ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mrq.embedded import EmbeddedRedis
from mrq.embedded.process import process_runs
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

# Starts both servers, does BETWEEN, tells the pids, and waits to be killed.
OWNER = """
import json, os, signal, subprocess, sys
from mrq.embedded import EmbeddedServers
servers = EmbeddedServers({data}).start()
both = (servers.mongo, servers.redis)
extra = None
{between}
print(json.dumps({{
    "servers": [server.pid for server in both],
    "keepers": [server.keeper_pid for server in both],
    "folders": [str(server.data) for server in both],
    "extra": extra,
}}), flush=True)
{end}
"""
WAIT = "signal.pause()"


@contextmanager
def owner(
    between: str = "", end: str = WAIT, before: str = "", data: str = ""
) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    code = before + OWNER.format(between=between, end=end, data=data)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            if end == WAIT:  # else they may be gone already
                assert all(process_runs(pid) for pid in told["servers"] + told["keepers"])
            yield process, told
        finally:
            process.kill()


def wait_all_gone(told: Any, *, with_folders: bool = True) -> None:
    for pid in told["servers"] + told["keepers"]:
        wait_until(lambda pid=pid: not process_runs(pid), what=f"process {pid} is gone")
    for folder in told["folders"] if with_folders else ():
        wait_until(lambda folder=folder: not Path(folder).exists(), what=f"{folder} is removed")


def test_the_owner_is_killed() -> None:
    with owner() as (process, told):
        process.kill()
        wait_all_gone(told)


def test_the_owner_just_ends() -> None:
    with owner(end="") as (process, told):
        assert process.wait(15) == 0
        wait_all_gone(told)


def test_the_owner_is_killed_while_its_servers_are_paused(tmp_path: Path) -> None:
    pause = "servers.mongo.pause(); servers.redis.pause()"
    data = f"__import__('pathlib').Path({str(tmp_path)!r})"
    with owner(between=pause, data=data) as (process, told):
        process.kill()
        wait_all_gone(told, with_folders=False)
    # Both were stopped in order, so both had been woken.
    assert '"Shutting down","attr":{"exitCode":0}' in (tmp_path / "mongod" / "mongod.log").read_text()
    assert "ready to exit" in (tmp_path / "valkey" / "valkey.log").read_text()


@pytest.mark.parametrize(
    "child",
    [
        "extra = subprocess.Popen(['sleep', '60'], close_fds=False).pid",
        "extra = os.fork()\nif not extra:\n    signal.pause()\n    os._exit(0)",
    ],
    ids=["exec", "fork"],
)
def test_children_of_the_owner_do_not_keep_servers_alive(child: str) -> None:
    with owner(between=child) as (process, told):
        process.kill()
        try:
            wait_all_gone(told)
            assert process_runs(told["extra"])
        finally:
            os.kill(told["extra"], signal.SIGKILL)


def test_a_forked_child_that_ends_leaves_servers_and_folders_alone() -> None:
    fork = "child = os.fork()\nif not child:\n    sys.exit(0)\nos.waitpid(child, 0)\n"
    marker = "marker = servers.redis.data / 'marker'\nmarker.touch()\n"
    # While the servers are stopped, only the owner's objects say that the folders are still wanted.
    between = f"{marker}servers.stop()\n{fork}servers.start()\n{fork}extra = marker.exists()"
    with owner(between=between) as (_, told):
        assert told["extra"]
        assert all(process_runs(pid) for pid in told["servers"])


def test_ctrl_c_reaches_the_owner_only() -> None:
    between = "signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True))"
    with owner(between=between, end="while True: signal.pause()") as (process, told):
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "interrupted\n"
        for pid in told["servers"] + told["keepers"]:
            assert process_runs(pid)
            assert os.getpgid(pid) != process.pid
            assert os.getsid(pid) != os.getsid(process.pid)


def test_a_gevent_patched_owner() -> None:
    before = "from gevent import monkey; monkey.patch_all()\n"
    between = (
        "servers.mongo.stop(); servers.mongo.start(); servers.redis.kill(); servers.redis.start()\n"
        "servers.mongo.pause(); servers.mongo.resume()"
    )
    with owner(before=before, between=between, end="servers.close(); signal.pause()") as (process, told):
        wait_all_gone(told)
    with owner(before=before) as (process, told):
        process.kill()
        wait_all_gone(told)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_keeper_is_killed() -> None:
    with EmbeddedRedis(persistent=True) as valkey:
        pid = valkey.pid
        os.kill(valkey.keeper_pid, signal.SIGKILL)
        wait_until(lambda: not process_runs(pid), what="the server is gone")
        wait_until(lambda: not valkey.running, what="the owner knows")
        valkey.start()
        assert valkey.pid != pid


def test_the_keeper_is_asked_to_end() -> None:
    with EmbeddedRedis() as valkey:
        pid = valkey.pid
        os.kill(valkey.keeper_pid, signal.SIGTERM)
        wait_until(lambda: not process_runs(pid), what="the server is gone")


def test_a_folder_of_a_killed_owner_can_be_used_at_once(tmp_path: Path) -> None:
    code = (
        "import signal; from pathlib import Path; from mrq.embedded import EmbeddedRedis\n"
        f"print(EmbeddedRedis(Path({str(tmp_path)!r})).start().pid, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        former = int(process.stdout.readline())
        process.kill()
        process.wait()
    with EmbeddedRedis(tmp_path) as valkey:
        assert valkey.pid != former
        assert not process_runs(former)
