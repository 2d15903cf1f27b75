"""The folder of one server: its data, its log, the port it had, and the lock against a second server."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from pathlib import Path

from mrq.embedded.process import POLL_SECONDS, process_runs
from mrq.exceptions import ServerUnavailableError

LOCK_NAME = "mrq.lock"
LOG_LIMIT = 10 * 1024 * 1024  # bytes; a longer log is put aside at the next start
# Seconds to wait for a server whose owner died: its keeper is stopping it.
ORPHAN_WAIT = 15.0


class DataFolder:
    """A given folder, which is kept, or a temporary one, which goes with its owner. Mode 0700."""

    def __init__(self, given: Path | None, name: str) -> None:
        """Nothing is created yet: see `prepare`. `name` is the server's, for the names of files."""
        self.temporary = given is None
        self._name = name
        self._path = None if given is None else given.absolute()

    @property
    def path(self) -> Path:
        """The folder; call `prepare` first."""
        if self._path is None:
            raise RuntimeError("the folder of this embedded server has not been prepared")
        return self._path

    @property
    def database(self) -> Path:
        return self.path / "db"

    @property
    def log(self) -> Path:
        return self.path / f"{self._name}.log"

    def prepare(self) -> None:
        """Create what is missing; raises ServerUnavailableError if the folder can't be written."""
        if self._path is None:
            self._path = Path(tempfile.mkdtemp(prefix=f"mrq-{self._name}-"))
            # For an owner that forgets close(). Not while a server runs: its keeper removes it then.
            weakref.finalize(self, _remove_unless_locked, self._path, os.getpid())
        try:
            # A folder that existed keeps its mode (it may be shared); what we put into it is private.
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.database.mkdir(mode=0o700, exist_ok=True)
            if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
                self.log.rename(self.log.with_suffix(".log.1"))
            self.log.touch(mode=0o600)
        except OSError as error:
            raise ServerUnavailableError(
                f"The folder {self._path} can't be used for {self._name}: {error}. "
                "Give another folder, or make this one writable."
            ) from error

    def lock(self) -> int:
        """Lock the folder; returns the file descriptor that holds the lock, for the keeper to inherit.

        Waits while the server of a dead owner is being stopped (15 s at most). Raises
        ServerUnavailableError, naming the process, if the folder is in use.
        """
        deadline = time.monotonic() + ORPHAN_WAIT
        while True:
            descriptor = _try_lock(self.path / LOCK_NAME)
            if descriptor is not None:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                return descriptor
            owner = _read_number(self.path / LOCK_NAME)
            owner_lives = owner is not None and process_runs(owner)
            if owner_lives or time.monotonic() > deadline:
                raise ServerUnavailableError(
                    f"The folder {self.path} is in use: process {owner} runs a server ({self._name}) on it. "
                    "Stop that process first, or give another folder."
                )
            time.sleep(POLL_SECONDS)

    def remembered_port(self) -> int | None:
        return _read_number(self.path / "port")

    def remember_port(self, port: int) -> None:
        (self.path / "port").write_text(f"{port}\n")

    def remove(self) -> None:
        """Remove a temporary folder; a given one stays."""
        if self.temporary and self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None


def port_of_running(path: Path) -> int | None:
    """The port of the server that a living process runs on a folder; None if there is none."""
    if not (path / LOCK_NAME).exists():
        return None
    descriptor = _try_lock(path / LOCK_NAME)
    if descriptor is not None:
        os.close(descriptor)
        return None
    owner = _read_number(path / LOCK_NAME)
    return _read_number(path / "port") if owner is not None and process_runs(owner) else None


def _try_lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _remove_unless_locked(path: Path, owner: int) -> None:
    # A forked child ends with a copy of its parent's objects, and must leave the folder alone.
    if os.getpid() != owner or not path.exists():
        return
    descriptor = None
    with suppress(OSError):
        descriptor = _try_lock(path / LOCK_NAME)
    if descriptor is not None:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)
