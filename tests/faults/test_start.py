"""Workers that start while a server is away."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mrq.embedded.ports import pick_port
from support import faulttasks
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.embedded import EmbeddedServers
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults


def test_without_mongodb_a_worker_says_so_in_one_line_and_ends(site: FaultSite) -> None:
    nowhere = f"127.0.0.1:{pick_port()}"
    worker = site.start_worker(mongodb_url=f"mongodb://{nowhere}/mrq", MRQ_SERVER_TIMEOUT="1")
    assert worker.wait(30) == 1
    (line,) = worker.log.splitlines()
    assert nowhere in line
    assert re.search(r"MongoDB.*refused.*start one with `mrq up`.*MRQ_MONGODB_JOBS", line)


def test_with_a_wrong_password_a_worker_says_so_in_one_line_and_ends(site: FaultSite) -> None:
    worker = site.start_worker(mongodb_url=site.mongodb_url.replace("mongodb://", "mongodb://me:secret@"))
    assert worker.wait(30) == 1
    (line,) = worker.log.splitlines()
    assert "MongoDB refuses access: Authentication failed" in line
    assert "secret" not in line


def test_without_redis_a_worker_warns_and_works(fragile_site: FaultSite, servers_to_kill: EmbeddedServers) -> None:
    servers_to_kill.redis.kill()
    worker = fragile_site.worker()
    faulttasks.work.queue("job")
    fragile_site.wait_for_statuses({"success": 1})
    warnings = [line for line in worker.log.splitlines() if "[WARNING]" in line and "Redis" in line]
    assert warnings
    assert f"127.0.0.1:{servers_to_kill.redis.port}" in warnings[0]
    assert "Traceback" not in worker.log


@pytest.mark.parametrize("flags", [(), ("--no_guard",)], ids=["guarded", "alone"])
def test_a_worker_that_is_told_to_end_before_it_has_begun_ends_quietly(flags: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and never answers
        url = f"mongodb://127.0.0.1:{mute.getsockname()[1]}/mrq"
        command = [
            sys.executable,
            "-m",
            "mrq_container.command",
            "--mongodb_jobs",
            url,
            "--server_timeout",
            "60",
            *flags,
        ]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        mute.settimeout(30)
        connection, _ = mute.accept()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        connection.close()
    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize(
    "words", [("--redis", "nonsense"), ("--mongodb_jobs", "nonsense"), ("--dequeue_strategy", "no.Such")]
)
def test_what_can_not_be_used_is_noticed_before_anything_is_connected(words: tuple[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"mongodb://127.0.0.1:{mute.getsockname()[1]}/mrq"
        command = [sys.executable, "-m", "mrq_container.command", "--mongodb_jobs", url, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        mute.setblocking(False)
        with pytest.raises(BlockingIOError):
            mute.accept()
    assert done.returncode == 2
    assert words[1] in done.stderr or "url that can be used" in done.stderr


def test_a_worker_that_dies_while_mongodb_is_away_is_replaced_once_it_is_back(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers
) -> None:
    worker = fragile_site.worker(MRQ_SERVER_TIMEOUT="1")
    faulttasks.endless_at_first.queue("job")
    fragile_site.wait_for_runs(1)
    servers_to_kill.mongo.kill()
    worker.kill(guard=False)
    worker.wait_for_log("the worker can't start")
    worker.wait_for_log("next try in")
    servers_to_kill.mongo.start()

    fragile_site.wait_for_statuses({"success": 1})
    assert len(worker.wait_ready(times=2).identities) == 2
    fragile_site.assert_all_ran(["job"])


def test_a_guard_that_waits_for_mongodb_can_be_stopped(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers
) -> None:
    worker = fragile_site.worker(MRQ_SERVER_TIMEOUT="1")
    servers_to_kill.mongo.kill()
    worker.kill(guard=False)
    worker.wait_for_log("next try in")
    worker.signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    wait_until(lambda: not worker.processes(), what="nothing is left of it")
