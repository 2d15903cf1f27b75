"""The servers of a benchmark: MongoDB and Valkey as MRQ uses them, and PostgreSQL where its programs are at hand."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import redis

from mrq.embedded import EmbeddedReplicaSet, EmbeddedServers
from mrq.embedded.ports import pick_port
from mrq.embedded.process import poll
from mrq.stores.mongo_client import connect

if TYPE_CHECKING:
    from types import TracebackType

SHARED_MEMORY = Path("/dev/shm")
START_SECONDS = 30


class Services:
    """Private servers and a folder for the probe. A context manager.

    Redis is without persistence, as its peers' users have it in their own comparisons: it favours them.
    """

    def __init__(self, *, replica_set: bool = False, postgres: bool = True) -> None:
        """`replica_set`: MongoDB as a set of one member, which journals before it acknowledges a majority write."""
        self.servers = EmbeddedServers()
        self._set = EmbeddedReplicaSet(1) if replica_set else None
        self.postgres = Postgres() if postgres else None
        self._files = tempfile.TemporaryDirectory(
            prefix="mrq-bench-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        )
        self.folder = Path(self._files.name)

    @property
    def mongodb_url(self) -> str:
        """Of the replica set, if there is one."""
        return self._set.url if self._set else self.servers.mongodb_url

    @property
    def kind(self) -> str:
        """Which MongoDB it is, in words."""
        return "a replica set of one member" if self._set else "one server, not replicated"

    @property
    def redis_url(self) -> str:
        """For ours and for the peers: only one of them runs at a time."""
        return self.servers.redis_url

    @property
    def environment(self) -> dict[str, str]:
        """Where the servers are, for the processes of a contender."""
        return {
            "BENCH_REDIS": self.redis_url,
            "BENCH_MONGODB": self.mongodb_url,
            "BENCH_POSTGRES": self.postgres.dsn if self.postgres else "",
            "MRQ_MONGODB_JOBS": self.mongodb_url,
            "MRQ_REDIS": self.redis_url,
        }

    def lacks(self, service: str) -> str:
        """Why a contender that needs this service can't be measured; "" if it can."""
        if service != "postgres":
            return ""
        return self.postgres.missing if self.postgres else "PostgreSQL was left out"

    def empty(self) -> None:
        """Forget what the last measurement has left."""
        redis.Redis.from_url(self.redis_url).flushall()
        database = connect(self.mongodb_url, server_timeout=5, name="benchmarks")
        database.client.drop_database(database.name)
        database.client.close()

    def __enter__(self) -> Self:
        self.servers.start()
        if self._set:
            self._set.start()
        if self.postgres:
            self.postgres.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.postgres:
            self.postgres.close()
        if self._set:
            self._set.close()
        self.servers.close()
        self._files.cleanup()


class Postgres:
    """A PostgreSQL of its own in a temporary folder, with every setting of durability at its default."""

    def __init__(self) -> None:
        """Looks for its programs; `missing` says what is not there."""
        self._bin = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
        if found := shutil.which("initdb"):
            self._bin = Path(found).resolve().parent
        self.missing = "" if self._bin else "no PostgreSQL server (initdb) on PATH or in /usr/lib/postgresql"
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def dsn(self) -> str:
        """For its clients."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def _as_its_user(self, *command: str) -> list[str]:
        # PostgreSQL refuses to run as root.
        return (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
            if _is_root()
            else [*command]
        )

    def start(self) -> None:
        """Start it; whatever hinders that is told by `missing`, not raised."""
        if self.missing or self._bin is None:
            return
        self._folder, self._port = Path(tempfile.mkdtemp(prefix="mrq-bench-pg-", dir="/tmp")), pick_port()
        try:
            if _is_root():
                shutil.chown(self._folder, "postgres", "postgres")
            make = self._as_its_user(
                str(self._bin / "initdb"), "-D", str(self._folder), "-A", "trust", "-U", "postgres"
            )
            subprocess.run(make, check=True, capture_output=True, cwd=self._folder)
            self._process = subprocess.Popen(
                self._as_its_user(
                    str(self._bin / "postgres"), "-D", str(self._folder), "-p", str(self._port), "-c",
                    "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._folder}",
                ),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self._folder,
            )  # fmt: skip
            ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
            if not poll(lambda: subprocess.run(ready, check=False).returncode == 0, START_SECONDS):
                self.missing = f"PostgreSQL gave no answer in {START_SECONDS} s"
        except (OSError, LookupError, subprocess.SubprocessError) as error:
            self.missing = f"PostgreSQL did not start: {error}"

    def close(self) -> None:
        """Stop it and remove its data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # its fast stop
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(START_SECONDS)
            if self._process.poll() is None:
                self._process.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _is_root() -> bool:
    return os.geteuid() == 0
