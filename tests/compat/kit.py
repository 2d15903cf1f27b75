"""A site as MRQ 0.9's users have it: servers, a config file, `mrq-worker` processes, and a client beside them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit, urlunsplit

import psutil

from mrq.config import get_config
from mrq.context import connections
from mrq.job import Job
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import redis
    from pymongo.database import Database

TESTS = Path(__file__).parents[1]  # where users' commands run: the current directory is first on sys.path
CONFIG = "compat/site_config.py"
COMMANDS = Path(sys.executable).parent
START, PATIENCE = 40.0, 20.0  # seconds on a busy machine
HOST = "127.0.0.1"


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def token() -> str:
    """A word that nobody else uses: for names of queues, keys, flags."""
    return secrets.token_hex(4)


@dataclass(frozen=True)
class Site:
    """Where everything is. The database and the prefix are shared by all cases, so each has names of its own."""

    mongodb_url: str
    redis_url: str
    prefix: str
    database: Database[dict[str, Any]]
    redis: redis.Redis
    folder: Path

    @property
    def second_redis_url(self) -> str:
        """Another database of the same Redis."""
        return urlunsplit(urlsplit(self.redis_url)._replace(path="/1"))

    @property
    def jobs(self) -> Any:
        """The collection of jobs."""
        return self.database.mrq_jobs

    def environment(self, **more: str) -> dict[str, str]:
        """Almost nothing, as a supervisor leaves it: no HOME, no LANG."""
        kept = {name: os.environ[name] for name in ("PATH", "VIRTUAL_ENV") if name in os.environ}
        servers = {"MRQ_MONGODB_JOBS": self.mongodb_url, "MRQ_REDIS": self.redis_url, "MRQ_REDIS_PREFIX": self.prefix}
        return {**kept, **servers, "MRQ_MAX_LATENCY": "0.1", "MRQ_REDIS_SECOND": self.second_redis_url, **more}

    def client_config(self, **extra: Any) -> dict[str, Any]:
        """The configuration of a client of this site."""
        servers = {"mongodb_jobs": self.mongodb_url, "redis": self.redis_url, "redis_prefix": self.prefix}
        servers["redis_second"] = self.second_redis_url
        return get_config(sources=("file",), file_path=str(TESTS / CONFIG), extra={**servers, **extra})

    def flag(self, name: str) -> None:
        """Let tasks go on that wait for this flag."""
        self.database.compat_flags.insert_one({"flag": name})

    def side_effects(self, word: str) -> list[Any]:
        """What tasks have noted under a word, in order."""
        return [document["value"] for document in self.database.compat_notes.find({"word": word}).sort("_id")]

    @contextmanager
    def worker(self, *queues: str, flags: Sequence[str] = (), **options: Any) -> Iterator[CompatWorker]:
        """A worker of these queues while the block runs; it must answer before the block begins."""
        worker = CompatWorker(self, queues, flags, **options)
        try:
            yield worker.wait_ready()
        finally:
            worker.close()

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands, or `python` something, to its end."""
        program = sys.executable if command[0] == "python" else str(COMMANDS / command[0])
        return subprocess.run(
            [program, *command[1:]], env=self.environment(**variables), cwd=TESTS, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip


class CompatWorker:
    """An `mrq-worker` process, asked over its admin port."""

    def __init__(
        self, site: Site, queues: Sequence[str], flags: Sequence[str], *, config: str = CONFIG,
        environment: Mapping[str, str] | None = None, admin: bool = True,
    ) -> None:  # fmt: skip
        self.site = site
        self.name = f"compat-{token()}"
        self.port = free_port() if admin else 0
        self._log = site.folder / f"{self.name}.log"
        options = [
            "--config",
            config,
            "--name",
            self.name,
            *(["--admin_port", str(self.port)] if admin else ["--report_interval", "1"]),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(COMMANDS / "mrq-worker"), *options, *flags, *queues],
                env={**site.environment(), **(environment or {}), "COMPAT_WORKER": self.name},
                cwd=TESTS,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    @property
    def document(self) -> dict[str, Any]:
        """Its report in MongoDB."""
        found = self.site.database.mrq_workers.find_one({"name": self.name}, sort=[("datestarted", -1)])
        return found or {}

    def wait_ready(self) -> CompatWorker:
        """Wait until it takes jobs."""
        ready = self.answers if self.port else lambda: self.document.get("status") in ("wait", "spawn", "full")

        def is_ready() -> bool:
            if self._process.poll() is not None:
                raise AssertionError(f"the worker ended with {self._process.returncode}:\n{self.log}")
            return bool(ready())

        wait_until(is_ready, START, what=f"{self.name} is ready")
        return self

    def answers(self) -> bool:
        """Whether its admin server answers."""
        with contextlib.suppress(OSError, URLError):
            return bool(self.get("/report"))
        return False

    def get(self, path: str, timeout: float = PATIENCE) -> Any:
        """Ask its admin server."""
        with urllib.request.urlopen(f"http://{HOST}:{self.port}{path}", timeout=timeout) as answer:
            text = answer.read().decode()
        return text if path == "/wait_for_idle" else json.loads(text)

    def wait_idle(self) -> None:
        """Wait until it has nothing to do and has looked once more."""
        assert self.get("/wait_for_idle") == "idle"

    @property
    def running(self) -> bool:
        """Whether its first process lives."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to its first process."""
        self._process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for its end; the exit code."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker still runs:\n{self.log}") from None

    def stop(self) -> int:
        """A graceful stop; the exit code."""
        self.signal(signal.SIGINT)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL all of its processes."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._process.wait(PATIENCE)

    def processes(self) -> list[psutil.Process]:
        """All of its processes, that which was started first."""
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def close(self) -> None:
        """Make sure that nothing is left of it."""
        if self.running:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(AssertionError):
                self.wait(10)
        self.kill()


def finished(job_id: Any, timeout: float = PATIENCE) -> dict[str, Any]:
    """The document of a job once it has ended, for now or for good."""
    return Job(job_id).wait(poll_interval=0.01, timeout=timeout, full_data=True)


def in_status(job_id: Any, status: str, timeout: float = PATIENCE) -> dict[str, Any]:
    """The document of a job once it is in a status."""

    def reached() -> dict[str, Any] | None:
        document = Job(job_id).fetch().data
        return document if document is not None and document["status"] == status else None

    found = wait_until(reached, timeout, what=f"job {job_id} is {status}")
    assert found is not None
    return found


def in_task(job_id: Any, timeout: float = PATIENCE) -> None:
    """Wait until a WaitForFlag has begun. A job that is started may still be on its way into its task, and a worker
    that stops then puts it back."""
    running = connections.mongodb_jobs.compat_running
    wait_until(lambda: running.find_one({"job": job_id}), timeout, what=f"job {job_id} is in its task")
