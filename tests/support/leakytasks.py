"""A task that leaks, and one that doesn't."""

from __future__ import annotations

from typing import Any

from mrq.task import Task

SIZE = 1_000_000  # bytes


class Page:
    """What is kept."""

    def __init__(self, number: int) -> None:
        self.text = bytearray(b"x") * SIZE
        self.number = number


seen: dict[int, Page] = {}


class Leaks(Task):
    def run(self, params: Any) -> None:
        number = len(seen)
        seen[number] = Page(number)


class IsClean(Task):
    def run(self, params: Any) -> int:
        return len(Page(1).text)
