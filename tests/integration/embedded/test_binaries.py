"""Where the servers' programs come from, and what is said when one is missing or can't run."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from mrq.embedded import EmbeddedMongo, EmbeddedRedis, binaries, mongo
from mrq.exceptions import ServerUnavailableError


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(binaries.metadata, "files", none)


def test_the_wheels_come_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "mongod", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries.find_mongod().is_relative_to(sys.prefix)
    assert binaries.find_redis_server().is_relative_to(sys.prefix)


@pytest.mark.usefixtures("no_wheels")
def test_path_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = script(tmp_path / "mongod", "exit 1")
    assert binaries.find_mongod() == expected
    expected = script(tmp_path / "redis-server", "exit 1")
    assert binaries.find_redis_server() == expected
    expected = script(tmp_path / "valkey-server", "exit 1")
    assert binaries.find_redis_server() == expected


@pytest.mark.usefixtures("no_wheels")
@pytest.mark.parametrize("server", [EmbeddedMongo, EmbeddedRedis])
def test_a_missing_server_says_what_to_do(
    server: type[EmbeddedMongo | EmbeddedRedis], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerUnavailableError) as error, server():
        pass
    for words in (
        "mongod" if server is EmbeddedMongo else "valkey-server",
        "pip install 'mrq-cloud[embedded]'",
        "docker compose up -d mongo valkey",
        "MRQ_MONGODB_JOBS",
        "MRQ_REDIS",
    ):
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("library", "advice"),
    [("libcurl.so.4", "apt-get install libcurl4."), ("libodd.so.1", "install the package that has it")],
)
def test_a_missing_shared_library_is_named(
    library: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"mongod: error while loading shared libraries: {library}: cannot open shared object file"
    program = script(tmp_path / "mongod", f"echo '{said}' >&2; exit 127")
    monkeypatch.setattr(mongo, "find_mongod", lambda: program)
    with pytest.raises(ServerUnavailableError) as error, EmbeddedMongo():
        pass
    assert f"the shared library {library} is missing" in str(error.value)
    assert advice in str(error.value)


def test_a_program_that_can_not_be_run_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mongod"
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)
    monkeypatch.setattr(mongo, "find_mongod", lambda: program)
    with (
        pytest.raises(ServerUnavailableError, match=r"could not be run: .*Exec format error"),
        EmbeddedMongo(),
    ):
        pass


def test_the_execute_bit_is_set(tmp_path: Path) -> None:
    program = script(tmp_path / "server", "exit 0", mode=0o644)
    assert binaries.make_executable(program, tmp_path / "spare") == program
    assert os.access(program, os.X_OK)


def test_a_read_only_program_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = script(tmp_path / "server", "exit 0", mode=0o644)
    spare = tmp_path / "spare"
    spare.mkdir()
    chmod = Path.chmod

    def refuse(path: Path, mode: int) -> None:
        if path == program:
            raise PermissionError(1, "Read-only file system")
        chmod(path, mode)

    monkeypatch.setattr(Path, "chmod", refuse)
    copy = binaries.make_executable(program, spare)
    assert copy == spare / "server"
    assert os.access(copy, os.X_OK)
    assert copy.read_bytes() == program.read_bytes()
    assert binaries.make_executable(program, spare) == copy
