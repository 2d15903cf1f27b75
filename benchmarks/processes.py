"""The processes of one measurement: a producer in the contender's environment, its workers, and the probe file."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

import psutil

from benchmarks.environments import CACHE, PEERS, programs_of

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.contenders import Contender, Run
    from benchmarks.services import Services

STOP_SECONDS = 10


class Setting:
    """What a contender's processes get to know in one case."""

    def __init__(self, contender: Contender, run: Run, services: Services, *, results: bool) -> None:
        """`results`: whether the workers are to store results."""
        self.contender, self.run = contender, run
        self.bin = programs_of(contender.peer)
        self.probe = services.folder / "probe"
        self.probe.write_bytes(b"")
        self._redis = services.redis_url
        self.environment = {
            **os.environ,
            **services.environment,
            "BENCH_PROBE": str(self.probe),
            "BENCH_RESULTS": str(int(results)),
            "PYTHONPATH": str(PEERS),
            "PYTHONWARNINGS": "ignore",
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            **contender.environment,
            **run.environment,
        }

    @property
    def command(self) -> list[str]:
        """The worker's command line."""
        words = shlex.split(f"{self.contender.command} {self.run.flags}")
        for name, value in (("bin", self.bin), ("redis", self._redis), ("peers", PEERS)):
            words = [word.replace(f"{{{name}}}", str(value)) for word in words]
        return words

    def log(self, kind: str) -> Path:
        """Where the output of its producer or worker goes."""
        return CACHE / f"{self.contender.name.replace(', ', '-').replace(' ', '-')}.{kind}.log"

    def count(self) -> int:
        """Bytes in the probe: jobs that were run."""
        return self.probe.stat().st_size


class Producer:
    """The contender's driver: enqueues, and says what is left. A context manager."""

    def __init__(self, setting: Setting) -> None:
        """Starts it."""
        self._log = setting.log("producer").open("wb")
        self._process = subprocess.Popen(
            [str(setting.bin / "python"), str(PEERS / "driver.py"), f"{setting.contender.peer}_peer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=setting.environment,
            cwd=PEERS,
            bufsize=0,
        )

    def ask(self, op: str, timeout: float = 120, **given: Any) -> Any:
        """The answer; raises RuntimeError with what went wrong there."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the producer has no pipes")
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"op": op, **given}).encode() + b"\n")
        answer, end = b"", time.monotonic() + timeout
        while not answer.endswith(b"\n"):
            if not select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                raise RuntimeError(f"the producer gave no answer to {op!r} in {timeout:g} s")
            if not (part := self._process.stdout.read(1 << 16)):
                raise RuntimeError(f"the producer ended at {op!r}; {self._log.name} says why")
            answer += part
        said = json.loads(answer)
        if "error" in said:
            raise RuntimeError(f"{op}: {said['error'].strip()}")
        return said["ok"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None:
                pipe.close()


class Workers:
    """The contender's worker processes, started as its users do. A context manager."""

    def __init__(self, setting: Setting) -> None:
        """Starts them."""
        self._log = setting.log("worker").open("wb")
        self._signal = getattr(signal, setting.contender.signal)
        self._started = [
            subprocess.Popen(
                setting.command,
                env=setting.environment,
                cwd=PEERS,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
            for _ in range(setting.run.processes)
        ]

    @property
    def alive(self) -> bool:
        """Whether any of them still runs."""
        return any(process.poll() is None for process in self._started)

    def tree(self) -> list[psutil.Process]:
        """They and all their children."""
        found = []
        for process in self._started:
            with contextlib.suppress(psutil.Error):
                parent = psutil.Process(process.pid)
                found += [parent, *parent.children(recursive=True)]
        return found

    def cpu(self) -> float:
        """CPU seconds of all of them so far, with those of children that have ended."""
        seconds = 0.0
        for process in self.tree():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
        return seconds

    def memory(self) -> float:
        """Their proportional set sizes in MiB, added up."""
        total = 0.0
        for process in self.tree():
            with contextlib.suppress(psutil.Error):
                full = process.memory_full_info()
                total += getattr(full, "pss", full.rss) / 2**20
        return total

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        tree = self.tree()
        for process in self._started:
            if process.poll() is None:
                process.send_signal(self._signal)
        end = time.monotonic() + STOP_SECONDS
        for process in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
        for left in tree:
            with contextlib.suppress(psutil.Error):
                left.kill()
        for process in self._started:
            process.wait()
        self._log.close()
