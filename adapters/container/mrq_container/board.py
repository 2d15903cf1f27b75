"""The board: shared memory in which a worker shows its guard who it is and what it runs.

Written by the worker (for every job: so it is a few bytes at a fixed place, never a system call), read by the
guard and by what the guard starts. Nothing here imports more than the standard library: the guard must stay
small. Times are those of CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import ObjectIdLike

SLOTS = 16384  # jobs at once; the memory of unused slots is never touched
_HEADER = struct.Struct("=12s x ? ? ? i d d d d I I")
_SLOT = struct.Struct("=? 3x 12s 12s d")
_CONTENT = struct.Struct("=12s 12s d")  # of a slot, behind the flag that says whether it is used
_FLAG = 4  # bytes before it
_SIZE = 64 + SLOTS * _SLOT.size
_NO_TOKEN = bytes(12)
NO_DEADLINE = float("inf")


class Header(NamedTuple):
    """What the worker says of itself."""

    identity: bytes  # 12 bytes of the worker's id
    ready: bool  # registered
    finishing: bool  # ends on purpose
    replace: bool  # and wants a successor
    exit_code: int
    alive: float  # its loops turned
    beat: float  # it wrote its heartbeat
    signalled: float  # it felt the signal to look at its time-outs
    interval: float  # seconds between its heartbeats
    slots: int  # slots in use are below this
    processes: int = 0  # how many workers there are to be, by its settings; 0: this one alone


class Entry(NamedTuple):
    """A job that runs."""

    job: bytes
    token: bytes | None
    deadline: float  # may be infinite


class Board:
    """One worker's board. The guard makes it; the worker opens it by its file descriptor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, _SIZE)
        self._free: list[int] = []
        self._header = Header(*_HEADER.unpack_from(self._memory))

    @classmethod
    def create(cls) -> Board:
        """A new, empty board in memory (in an unlinked file where the system has no memfd)."""
        if hasattr(os, "memfd_create"):
            fd = os.memfd_create("mrq-board")
        else:
            with tempfile.TemporaryFile() as file:
                fd = os.dup(file.fileno())
        os.ftruncate(fd, _SIZE)
        return cls(fd)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        os.close(self.fd)

    # ---- read by the guard

    def header(self) -> Header:
        """What the worker says of itself now."""
        return Header(*_HEADER.unpack_from(self._memory))

    def entries(self) -> list[Entry]:
        """The jobs that run now. One that is just being written may be wrong: believe what is seen twice."""
        found = []
        for index in range(min(self.header().slots, SLOTS)):
            used, job, token, deadline = _SLOT.unpack_from(self._memory, 64 + index * _SLOT.size)
            if used:
                found.append(Entry(job, None if token == _NO_TOKEN else token, deadline))
        return found

    # ---- written by the worker

    def update(self, **values: Any) -> None:
        """Change some fields of the header."""
        self._header = self._header._replace(**values)
        # pack_into would clear it first: a process that loses the processor there would look dead
        self._memory[: _HEADER.size] = _HEADER.pack(*self._header)

    def enter(self, job: bytes, token: bytes | None, deadline: float) -> int:
        """Take a slot for a job; its number, or -1 if all are taken."""
        if self._free:
            index = self._free.pop()
        elif self._header.slots < SLOTS:
            index = self._header.slots
            self.update(slots=index + 1)
        else:
            return -1
        flag = 64 + index * _SLOT.size
        start = flag + _FLAG
        self._memory[start : start + _CONTENT.size] = _CONTENT.pack(job, token or _NO_TOKEN, deadline)
        self._memory[flag] = True  # last: until then nobody looks at it
        return index

    def leave(self, index: int) -> None:
        """Free a slot."""
        if index >= 0:
            self._memory[64 + index * _SLOT.size] = False
            self._free.append(index)


class BoardGuard:
    """The worker's side: see mrq.ports.guard.Guard."""

    def __init__(self, board: Board, monotonic: Callable[[], float], heartbeat_interval: float) -> None:
        self._board = board
        self._monotonic = monotonic
        board.update(interval=heartbeat_interval)

    def identity(self, worker: ObjectIdLike) -> None:
        """See Guard."""
        self._board.update(identity=worker.binary, ready=True, alive=self._monotonic())

    def beat(self) -> None:
        """See Guard."""
        self._board.update(beat=self._monotonic())

    def alive(self) -> None:
        """See Guard."""
        self._board.update(alive=self._monotonic())

    def signalled(self) -> None:
        """The signal to look at time-outs was felt by code whose time is not up."""
        self._board.update(signalled=self._monotonic())

    def enter(self, job: ObjectIdLike, token: ObjectIdLike | None, deadline: float | None) -> int:
        """See Guard."""
        end = NO_DEADLINE if deadline is None else deadline
        return self._board.enter(job.binary, None if token is None else token.binary, end)

    def leave(self, slot: int) -> None:
        """See Guard."""
        self._board.leave(slot)

    def finishing(self, exit_code: int, *, replace: bool) -> None:
        """See Guard."""
        self._board.update(finishing=True, exit_code=exit_code, replace=replace)
