"""Which processes a list of commands asks for: what to start, what to end and how. Pure: events in, actions out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.backoff import RestartPauses
from mrq.domain.supervision import Action, Do

if TYPE_CHECKING:
    from collections.abc import Sequence

KILL_AFTER = 60.0
"""Seconds that a process may take to end once it was told to end at once."""
_HARDER = {Do.FINISH: Do.INTERRUPT, Do.INTERRUPT: Do.KILL, Do.KILL: Do.KILL}
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Run:
    """Start a command; the process is known by this number from now on."""

    child: int
    command: str


@dataclass(slots=True)
class _Process:
    number: int
    command: str
    since: float
    told: Do | None = None
    harder: float = _NEVER  # when to tell it again, in a harder way


class ProcessList:
    """A list of commands, each to be kept running as often as it is in the list. Times are seconds of a clock that
    never goes back."""

    def __init__(self) -> None:
        self.stopping = False
        self._wanted: Counter[str] = Counter()
        self._processes: dict[int, _Process] = {}
        self._due: list[tuple[float, str]] = []  # to be started again
        self._pauses: dict[str, RestartPauses] = {}
        self._next_number = 0

    @property
    def empty(self) -> bool:
        """Whether no process is left."""
        return not self._processes

    def wait(self, now: float, longest: float) -> float:
        """Seconds until `tick` has something to do, at most `longest`."""
        times = [due for due, _ in self._due] + [process.harder for process in self._processes.values()]
        return max(0.0, min([longest, *(time - now for time in times)]))

    def want(self, commands: Sequence[str], now: float, timeout: float | None = None) -> list[Run | Action]:
        """From now on these are wanted. Others finish within `timeout` seconds (None: as long as they like).

        Processes of a command that stays are left alone; of those too many the newest end.
        """
        if self.stopping:
            return []
        self._wanted = Counter(commands)
        self._due = [(due, command) for due, command in self._due if command in self._wanted]
        self._pauses = {command: pauses for command, pauses in self._pauses.items() if command in self._wanted}
        actions: list[Run | Action] = []
        for command in {process.command: None for process in self._kept()}:
            kept = [process for process in self._kept() if process.command == command]
            surplus = kept[self._wanted[command] :]
            actions += [self._tell(process, Do.FINISH, now, timeout) for process in reversed(surplus)]
        for command, count in self._wanted.items():
            running = sum(1 for process in self._kept() if process.command == command)
            waiting = [entry for entry in self._due if entry[1] == command]
            for entry in waiting[max(0, count - running) :]:
                self._due.remove(entry)
            actions += [self._run(command, now) for _ in range(count - running - len(waiting))]
        return actions

    def ended(self, number: int, now: float) -> float | None:
        """A process has ended. Seconds until it is started again; None: it isn't."""
        process = self._processes.pop(number)
        if self.stopping or process.told is not None:
            return None
        pause = self._pauses.setdefault(process.command, RestartPauses()).after(now - process.since)
        self._due.append((now + pause, process.command))
        return pause

    def tick(self, now: float) -> list[Run | Action]:
        """Time has passed."""
        due = [command for at, command in self._due if at <= now]
        self._due = [entry for entry in self._due if entry[0] > now]
        actions: list[Run | Action] = [self._run(command, now) for command in due]
        actions += [
            self._tell(process, _HARDER[process.told], now)
            for process in self._processes.values()
            if process.told is not None and process.harder <= now
        ]
        return actions

    def stop(self, how: Do, now: float, timeout: float | None = None) -> list[Run | Action]:
        """Nothing is wanted any more, and nothing will be. `timeout`: seconds that `Do.FINISH` may take."""
        self.stopping = True
        self._due.clear()
        ranks = list(_HARDER)
        softer = [
            process
            for process in self._processes.values()
            if process.told is None or ranks.index(process.told) <= ranks.index(how)
        ]
        return [
            self._tell(process, how, now, timeout)
            for process in softer
            if not (how is Do.FINISH and process.told is Do.FINISH)  # a second time would mean: at once
        ]

    def _kept(self) -> list[_Process]:
        return [process for process in self._processes.values() if process.told is None]

    def _run(self, command: str, now: float) -> Run:
        process = _Process(self._next_number, command, now)
        self._next_number += 1
        self._processes[process.number] = process
        return Run(process.number, command)

    @staticmethod
    def _tell(process: _Process, what: Do, now: float, timeout: float | None = None) -> Action:
        process.told = what
        if what is Do.FINISH:
            process.harder = _NEVER if timeout is None else now + timeout
        else:
            process.harder = now + KILL_AFTER
        return Action(what, process.number)
