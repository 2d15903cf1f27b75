"""A record of what tasks really did, kept beside MRQ: one line in a file for each start and each end of a run.

Times are those of CLOCK_MONOTONIC, which all processes of a machine share, so runs of several workers compare.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "FAULTS_LEDGER"
NEVER = float("inf")

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of one job, by the task's own word. `end` is infinite while it runs."""

    key: str
    pid: int
    start: float
    end: float = NEVER


class Ledger:
    """The file: appended to by tasks, read by tests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.touch()

    @classmethod
    def of_environment(cls) -> Ledger:
        """The one that the worker's environment names."""
        return cls(Path(os.environ[VARIABLE]))

    @contextmanager
    def run(self, key: str) -> Iterator[None]:
        """Note the start and the end of a run, however it ends; only a killed process leaves no end."""
        run = f"{os.getpid()}-{next(_numbers)}"
        self._append("start", run, key)
        try:
            yield
        finally:
            self._append("end", run, key)

    def note_death(self, pid: int) -> None:
        """A process is about to be killed: what it runs ends here."""
        self._append("death", str(pid), "-")

    def _append(self, what: str, run: str, key: str) -> None:
        line = f"{what} {run} {key} {time.monotonic()}\n".encode()
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND)  # whole lines, also with several writers
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def runs(self) -> list[Ran]:
        """All runs so far, in the order of their starts."""
        found: dict[str, Ran] = {}
        for line in self._path.read_text().splitlines():
            what, run, key, at = line.split()
            if what == "start":
                found[run] = Ran(key, int(run.split("-")[0]), float(at))
            elif what == "end":
                found[run] = replace(found[run], end=float(at))
            else:
                for name, ran in found.items():
                    if ran.pid == int(run) and ran.end == NEVER:
                        found[name] = replace(ran, end=float(at))
        return list(found.values())

    def runs_of(self, key: str) -> list[Ran]:
        """The runs of one job."""
        return [ran for ran in self.runs() if ran.key == key]

    def keys(self) -> set[str]:
        """The jobs that were started at least once."""
        return {ran.key for ran in self.runs()}

    def running(self, pid: int) -> list[Ran]:
        """What a process runs now."""
        return [ran for ran in self.runs() if ran.pid == pid and ran.end == NEVER]

    def finished(self) -> int:
        """How many runs have ended."""
        return sum(ran.end != NEVER for ran in self.runs())

    def at_once(self) -> list[tuple[Ran, Ran]]:
        """Pairs of runs of the same job that overlapped in time: the thing that must not be."""
        by_key: dict[str, list[Ran]] = defaultdict(list)
        for ran in self.runs():
            by_key[ran.key].append(ran)
        pairs = []
        for runs in by_key.values():
            runs.sort(key=lambda ran: ran.start)
            pairs += [(a, b) for a, b in itertools.pairwise(runs) if b.start < a.end]
        return pairs
