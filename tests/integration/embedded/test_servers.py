"""Start, stop, faults and folders of single embedded servers."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pymongo
import pytest
import redis

from mrq.embedded import EmbeddedMongo, EmbeddedRedis, EmbeddedServers, server
from mrq.embedded.ask import ask_redis
from mrq.embedded.ports import port_gets_free
from mrq.embedded.process import process_runs
from mrq.exceptions import ServerUnavailableError
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from mrq.embedded.server import EmbeddedServer


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_mongo_comes_back_on_its_port_with_its_data(end: str) -> None:
    with EmbeddedMongo() as mongo:
        with pymongo.MongoClient(mongo.url) as client:
            client.mrq.things.with_options(write_concern=pymongo.WriteConcern(j=True)).insert_one({"_id": 1})
        port, pid, keeper = mongo.port, mongo.pid, mongo.keeper_pid

        getattr(mongo, end)()
        assert not process_runs(pid)
        assert not process_runs(keeper)
        assert not mongo.running

        mongo.start()
        assert mongo.port == port
        assert mongo.pid != pid
        with pymongo.MongoClient(mongo.url) as client:
            assert client.mrq.things.find_one() == {"_id": 1}


@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("persistent", [True, False])
def test_redis_comes_back_on_its_port_with_or_without_data(end: str, persistent: bool) -> None:
    with EmbeddedRedis(persistent=persistent) as valkey:
        with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
            client.set("key", "value")
        port = valkey.port
        getattr(valkey, end)()
        valkey.start()
        assert valkey.port == port
        with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
            assert client.get("key") == ("value" if persistent else None)


def test_a_kept_folder_serves_the_next_run_too(tmp_path: Path) -> None:
    folder = tmp_path / "deeper" / "data"
    with EmbeddedServers(folder) as servers:
        urls = servers.mongodb_url, servers.redis_url
        assert urls[0] == f"mongodb://127.0.0.1:{servers.mongo.port}/mrq"
        assert urls[1] == f"redis://127.0.0.1:{servers.redis.port}/0"
        ask_redis(servers.redis.port, "SET key value")
    with EmbeddedServers(folder) as servers:
        assert (servers.mongodb_url, servers.redis_url) == urls
        assert ask_redis(servers.redis.port, "GET key") == "value"


def test_folders_are_private_and_temporary_ones_go(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        with EmbeddedRedis(tmp_path / "new") as kept, EmbeddedRedis() as passing:
            temporary = passing.data
            for path in (kept.data, kept.data / "db", temporary):
                assert mode(path) == 0o700, path
            assert mode(kept.log) == 0o600
    finally:
        os.umask(former)
    assert (tmp_path / "new" / "valkey.log").exists()
    assert not temporary.exists()


def test_it_listens_on_the_loopback_only() -> None:
    with EmbeddedServers() as servers:
        for port in (servers.mongo.port, servers.redis.port):
            with socket.socket() as other:
                # Taken for 0.0.0.0 if a server listened there; 127.0.0.2 is another loopback address.
                other.bind(("127.0.0.2", port))


def test_a_paused_server_answers_after_resume() -> None:
    with EmbeddedRedis() as valkey:
        valkey.pause()
        with pytest.raises(TimeoutError):
            ask_redis(valkey.port, "PING")
        assert valkey.running
        valkey.resume()
        assert ask_redis(valkey.port, "PING") == "+PONG"
        valkey.pause()
        pid = valkey.pid
        valkey.stop()
        assert not process_runs(pid)
        assert "ready to exit" in valkey.log.read_text(), "it was killed, not woken and stopped"


@pytest.mark.parametrize("kind", [EmbeddedMongo, EmbeddedRedis])
def test_a_given_port_that_is_taken(kind: type[EmbeddedMongo | EmbeddedRedis]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerUnavailableError, match=f"Port {port} of 127.0.0.1 is taken"):
            kind(port=port).start()


def test_a_former_port_that_is_taken_is_not_changed_under_its_clients() -> None:
    with EmbeddedRedis() as valkey:
        valkey.stop()
        with (
            socket.create_server(("127.0.0.1", valkey.port)),
            pytest.raises(ServerUnavailableError, match=f"Port {valkey.port} of 127.0.0.1 is taken"),
        ):
            valkey.start()


@pytest.mark.parametrize("kind", [EmbeddedMongo, EmbeddedRedis])
def test_a_chosen_port_that_is_taken_before_the_server_has_it(
    kind: type[EmbeddedMongo | EmbeddedRedis], monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedRedis() as earlier:
        free = server.pick_port()
        ports = iter([earlier.port, earlier.port, free])
        monkeypatch.setattr(server, "pick_port", lambda: next(ports))
        with kind() as later:
            assert later.port == free


@pytest.mark.parametrize("kind", [EmbeddedMongo, EmbeddedRedis])
def test_a_folder_in_use_names_the_process(kind: type[EmbeddedMongo | EmbeddedRedis], tmp_path: Path) -> None:
    with kind(tmp_path) as first:
        with pytest.raises(ServerUnavailableError, match=rf"is in use: process {os.getpid()} runs"):
            kind(tmp_path).start()
        start = f"{kind.__name__}(Path({str(tmp_path)!r})).start()"
        code = f"from mrq.embedded import *; from pathlib import Path; {start}"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"is in use: process {os.getpid()} runs" in other.stderr
        assert first.running
    with kind(tmp_path):
        pass


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerUnavailableError, match="can't be used for valkey"):
        EmbeddedRedis(tmp_path / "file" / "data").start()


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        (EmbeddedMongo(arguments=["--nonsense"]), "nonsense"),
        (EmbeddedRedis(arguments=["--nonsense", "1"]), "Bad directive"),
    ],
)
def test_a_failed_start_shows_the_log(failing: EmbeddedServer, said: str) -> None:
    with pytest.raises(ServerUnavailableError, match=said) as error:
        failing.start()
    assert "exit code" in str(error.value)
    assert str(failing.log) in str(error.value)
    failing.close()


def test_nothing_is_left_running_when_one_of_both_fails(tmp_path: Path) -> None:
    servers = EmbeddedServers(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        servers.redis = EmbeddedRedis(tmp_path / "valkey", port=taken.getsockname()[1])
        with pytest.raises(ServerUnavailableError, match="is taken"):
            servers.start()
    assert not servers.mongo.running
    assert not servers.redis.running


def test_a_server_that_ended_by_itself_can_be_started_again() -> None:
    with EmbeddedRedis() as valkey:
        with pytest.raises(ConnectionError):
            ask_redis(valkey.port, "SHUTDOWN NOSAVE")
        wait_until(lambda: not valkey.running, what="valkey has ended")
        valkey.start()
        assert ask_redis(valkey.port, "PING") == "+PONG"


def test_a_port_that_gets_free_in_a_moment_is_waited_for() -> None:
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen()
    port = holder.getsockname()[1]
    assert not port_gets_free(port, 0.0)
    closing = threading.Timer(0.1, holder.close)
    closing.start()
    assert port_gets_free(port, 20.0)
    closing.join()
