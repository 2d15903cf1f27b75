"""Log lines on their way from jobs to the database: kept in bounded memory, written in batches, never in the way."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mrq.domain.loglines import LogMark
from mrq.engine.backoff import Backoff
from mrq.engine.execute import storable
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.logs import LogText

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.domain.ids import JobId, WorkerId
    from mrq.ports.logs import LogStore
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.logs")

LARGEST_BUFFER = 4 * 1024 * 1024  # bytes of text, as UTF-8, in all
MOST_LINES = 20_000
MOST_DROPPED = 1_000  # owners whose dropped lines are counted one by one
LARGEST_RUN = 2 * 1024 * 1024  # characters that one run of a job may write
MOST_RUNS = 10_000  # of which it is known how much they have written
LARGEST_TEXT = 1024 * 1024  # bytes of one document
GATHER = 0.05  # seconds in which ends of jobs are collected, so that their logs are written together
LONGEST_TICK = 1.0
LONGEST_WAIT = 5.0  # seconds that a stopping worker waits for a flush that hangs
DEFAULT_INTERVAL = 10.0  # seconds, where no report is wanted


Owner = tuple["JobId | None", "datetime | None"]
"""Whose lines: a job's, in the run that began then; or the worker's, (None, None)."""


class _Line(NamedTuple):
    text: str  # with its line break
    at: datetime | None
    level: int


@dataclass(slots=True)
class _Pending:
    """Lines of one owner."""

    since: float  # when its first line came
    lines: deque[_Line] = field(default_factory=deque)
    ended: bool = False


class LogBuffer:
    """What is not written yet. `add` may be called from anywhere; it takes a short lock and no more.

    When it is full, the oldest lines go. How many, is said in the log of the job, or worker, that they were of.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._pending: dict[Owner, _Pending] = {}
        self._written: dict[Owner, int] = {}  # characters of runs
        self._over: dict[Owner, int] = {}  # lines that were too many
        self._failed: deque[tuple[LogText, int]] = deque()  # pieces whose writing failed, and their lines
        self._dropped: dict[Owner, int] = {}
        self._bytes = self._lines = 0
        self.something: Event | None = None  # set when a job with lines has ended

    def add(
        self, job: JobId | None, line: str, at: datetime | None = None, level: int = 0, run: datetime | None = None
    ) -> None:
        """Take a line of a job, in the run that began at `run`, or of the worker (None). `at`: naive, UTC; `level`: as
        in `logging`, 0: not known."""
        line, owner = storable(line) + "\n", (job, run)
        with self._lock:
            if job is not None and self._is_too_much(owner, len(line)):
                return
            self._add(owner, _Line(line, at, level))
            while self._bytes > LARGEST_BUFFER or self._lines > MOST_LINES:
                self._drop_oldest()

    def _add(self, owner: Owner, line: _Line) -> None:
        pending = self._pending.get(owner)
        if pending is None:
            pending = self._pending[owner] = _Pending(self._monotonic())
        pending.lines.append(line)
        self._count(line.text, 1, 1)

    def _is_too_much(self, owner: Owner, size: int) -> bool:
        """Whether a run has written all that it may: one that never stops must not push out the logs of all others."""
        written = self._written.pop(owner, 0) + size  # popped: the one that wrote last is the last to be forgotten
        self._written[owner] = written
        if len(self._written) > MOST_RUNS:
            self._written.pop(next(iter(self._written)))
        if written <= LARGEST_RUN:
            return False
        self._over[owner] = self._over.get(owner, 0) + 1
        if len(self._over) > MOST_RUNS:
            self._over.pop(next(iter(self._over)))
        return True

    def ended(self, job: JobId, run: datetime | None = None) -> None:
        """A job's run has ended: what it has written may go now."""
        owner = (job, run)
        with self._lock:
            self._written.pop(owner, None)
            over = self._over.pop(owner, 0)
            if over:
                text = f"[mrq] {over:,} more lines were left out: a run may write {LARGEST_RUN / 2**20:g} MiB\n"
                self._add(owner, _Line(text, None, logging.WARNING))
            pending = self._pending.get(owner)
            if pending is None:
                return
            pending.ended = True
        if self.something is not None:
            self.something.set()

    def take(self, age: float, new_id: Callable[[], JobId], worker: WorkerId | None) -> list[tuple[LogText, int]]:
        """Take out the pieces that are due, each with the number of its lines.

        Those are what failed before, all of jobs that have ended, and of others what is at least `age` seconds
        old. So a job that is over sooner has one piece.
        """
        limit = self._monotonic() - age
        with self._lock:
            due = [owner for owner, pending in self._pending.items() if pending.ended or pending.since <= limit]
            for owner in due:
                self._failed.extend(self._pieces(owner, self._pending.pop(owner), new_id, worker))
            for owner in [owner for owner in self._dropped if owner not in self._pending]:
                said = self._said(owner)
                text = _text(new_id(), owner, worker, [_Line(said, None, logging.WARNING)])
                self._count(text.text, 1, 1)
                self._failed.append((text, 1))
            taken = list(self._failed)
            self._failed.clear()
            for text, lines in taken:
                self._count(text.text, -1, lines)
        return taken

    def put_back(self, taken: list[tuple[LogText, int]]) -> None:
        """These could not be written; they keep their ids, so that a piece whose answer was lost is not doubled."""
        with self._lock:
            self._failed.extendleft(reversed(taken))
            for text, lines in taken:
                self._count(text.text, 1, lines)
            while self._bytes > LARGEST_BUFFER or self._lines > MOST_LINES:
                self._drop_oldest()

    def refused(self, taken: list[tuple[LogText, int]]) -> None:
        """These can never be written."""
        with self._lock:
            for text, lines in taken:
                self._note_dropped((text.job, text.run), lines)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not (self._pending or self._failed or self._dropped)

    def _pieces(
        self, owner: Owner, pending: _Pending, new_id: Callable[[], JobId], worker: WorkerId | None
    ) -> list[tuple[LogText, int]]:
        lines = pending.lines
        if owner in self._dropped:
            note = self._said(owner)
            lines.appendleft(_Line(note, None, logging.WARNING))
            self._count(note, 1, 1)
        pieces, part, size = [], list[_Line](), 0
        for line in lines:
            if part and size + len(line.text) > LARGEST_TEXT:
                pieces.append((_text(new_id(), owner, worker, part), len(part)))
                part, size = [], 0
            part.append(line)
            size += len(line.text)
        pieces.append((_text(new_id(), owner, worker, part), len(part)))
        return pieces

    def _said(self, owner: Owner) -> str:
        count = self._dropped.pop(owner)
        return f"[mrq] {count:,} lines were dropped here: they came faster than they could be stored\n"

    def _drop_oldest(self) -> None:
        if self._failed:
            text, lines = self._failed.popleft()
            self._count(text.text, -1, lines)
            self._note_dropped((text.job, text.run), lines)
            return
        owner, pending = next(iter(self._pending.items()))
        self._count(pending.lines.popleft().text, -1, 1)
        if not pending.lines:
            del self._pending[owner]
        self._note_dropped(owner, 1)

    def _note_dropped(self, owner: Owner, lines: int) -> None:
        if owner not in self._dropped and len(self._dropped) >= MOST_DROPPED:
            owner = _WORKER
        self._dropped[owner] = self._dropped.get(owner, 0) + lines

    def _count(self, text: str, sign: int, lines: int) -> None:
        self._bytes += sign * len(text.encode())
        self._lines += sign * lines


_WORKER: Owner = (None, None)


def _text(name: JobId, owner: Owner, worker: WorkerId | None, lines: list[_Line]) -> LogText:
    job, run = owner
    marks = tuple(LogMark(len(line.text), line.at, line.level) for line in lines)
    text = "".join(line.text for line in lines)
    return LogText(name, text, job, None if job is not None else worker, run, marks)


class LogWriter:
    """Writes a buffer's lines: every `interval` seconds, when a job ends, and at the end. Nothing that goes wrong
    here leaves it."""

    def __init__(
        self,
        buffer: LogBuffer,
        store: LogStore,
        new_id: Callable[[], JobId],
        interval: float,
        worker: WorkerId | None = None,
    ) -> None:
        self.buffer = buffer
        self.worker: WorkerId | None = worker  # whose lines those outside of jobs are
        self._named = worker is not None
        self._store = store
        self._new_id = new_id
        self._interval = interval or DEFAULT_INTERVAL
        self._writing = threading.Lock()
        self._backoff = Backoff(longest=15.0)
        self._not_before = 0.0
        self._something: Event | None = None

    def act_as(self, worker: WorkerId) -> None:
        """Lines outside of jobs are this worker's, unless one was named."""
        if not self._named:
            self.worker = worker

    def prepare(self) -> None:
        """Bound the store's size, so that it is bounded from the first write."""
        try:
            log.info("logs are kept: %s", self._store.prepare())
        except Exception as error:  # noqa: BLE001 - jobs run without logs as well
            log.warning("logs can't be stored now: %s", error)

    def loop(self, stopped: Event, something: Event) -> None:
        """Write what is due until told to stop."""
        self.buffer.something = something
        self._something = something
        tick = min(LONGEST_TICK, self._interval)
        while not stopped.is_set():
            if something.wait(tick):
                something.clear()
                stopped.wait(GATHER)
            if time.monotonic() >= self._not_before:
                self.flush(self._interval)

    def wake(self) -> None:
        """Let the loop see that it is told to stop."""
        if self._something is not None:
            self._something.set()

    def close(self) -> None:
        """The loop's flag to stop is set: write what is left."""
        self.wake()
        self.flush()

    def flush(self, age: float = 0.0) -> bool:
        """Write what is at least `age` seconds old or belongs to jobs that have ended. False: it did not work."""
        if not self._writing.acquire(timeout=LONGEST_WAIT):
            return False  # another flush hangs; it has what there is
        try:
            taken = self.buffer.take(age, self._new_id, self.worker)
            taken = [piece for piece in taken if piece[0].job is not None or piece[0].worker is not None]
            if not taken:
                return True
            try:
                self._store.append([text for text, _ in taken])
            except StoreUnavailableError as error:
                self.buffer.put_back(taken)
                pause = self._backoff.failed()
                self._not_before = time.monotonic() + pause
                log.debug("logs wait for the database, next try in %.1f s: %s", pause, error)
                return False
            except Exception:  # noqa: BLE001 - whatever it is, the worker must not end for it
                return self._one_by_one(taken)
        finally:
            self._writing.release()
        if self._backoff.worked():
            log.info("logs are written again")
        return True

    def _one_by_one(self, taken: list[tuple[LogText, int]]) -> bool:
        """Some of these can't be stored; find out which."""
        refused, error = [], None
        for piece in taken:
            try:
                self._store.append([piece[0]])
            except Exception as reason:  # noqa: BLE001
                refused.append(piece)
                error = reason
        if refused:
            self.buffer.refused(refused)
            self._not_before = time.monotonic() + self._backoff.failed()
            log.error("%d pieces of log could not be stored and are lost: %s", len(refused), error)
        return not refused
