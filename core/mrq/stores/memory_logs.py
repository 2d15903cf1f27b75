"""Logs in memory, bounded as on MongoDB."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mrq.domain.logplaces import EPOCH, LogPlace
from mrq.ports.logs import LOGS_SIZE, SEARCHED, FoundLines, LogText, found_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.loglines import LogQuery


class MemoryLogStore:
    """See mrq.ports.logs.LogStore."""

    def __init__(self, size: int = LOGS_SIZE) -> None:
        self._size = size
        self._texts: dict[JobId, LogText] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def prepare(self) -> str:
        """See LogStore."""
        return f"the last {self._size / 2**20:g} MiB, in memory"

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See LogStore."""
        return []

    def missing_indexes(self) -> list[str]:
        """See LogStore."""
        return []

    def append(self, texts: Sequence[LogText]) -> None:
        """See LogStore."""
        with self._lock:
            for text in texts:
                size = len(text.text.encode())
                if size > self._size:
                    raise ValueError(f"a text of {size:,} bytes is larger than all logs may be, {self._size:,}")
                if text.id not in self._texts:
                    self._texts[text.id] = text
                    self._bytes += size
            while self._bytes > self._size:
                oldest = self._texts.pop(next(iter(self._texts)))
                self._bytes -= len(oldest.text.encode())

    def read(
        self,
        *,
        job: JobId | None = None,
        worker: WorkerId | None = None,
        after: JobId | LogPlace | None = None,
        limit: int = 1000,
        last: bool = False,
    ) -> list[LogText]:
        """See LogStore."""
        with self._lock:
            found = [
                text
                for text in self._texts.values()
                if (text.job == job if job is not None else text.worker == worker and worker is not None)
                and not _is_before(text, after)
            ]
        found.sort(key=_by_run if isinstance(after, LogPlace) else _by_id)
        limit = max(1, limit)
        return found[-limit:] if last else found[:limit]

    def search(self, query: LogQuery, limit: int = 200, before: JobId | None = None) -> FoundLines:
        """See LogStore."""
        with self._lock:
            known = [text for text in self._texts.values() if _is_of(text, query)]
        newest = sorted(known, key=lambda text: str(text.id), reverse=True)
        pieces = [text for text in newest if before is None or str(text.id) < str(before)]
        lines, last = found_in(pieces[:SEARCHED], query, limit)
        return FoundLines(tuple(lines), None if not pieces or last == pieces[-1].id else last)

    def expire(self, before: datetime, limit: int) -> int:
        """See LogStore."""
        return 0


def _is_before(text: LogText, after: JobId | LogPlace | None) -> bool:
    if isinstance(after, LogPlace):
        return after.has(text)
    return after is not None and _by_id(text) <= str(after)


def _by_id(text: LogText) -> str:
    return str(text.id)


def _by_run(text: LogText) -> tuple[datetime, str]:
    return text.run or EPOCH, str(text.id)


def _is_of(text: LogText, query: LogQuery) -> bool:
    return (
        query.job in (None, text.job) and query.worker in (None, text.worker) and query.run in (None, text.run)
    )  # fmt: skip
