"""Two tasks that read files, for the story of docs/stories.md about memory: one leaks, one doesn't."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mrq.task import task
from source_index.sources import default_folders, packages_in

WORD = re.compile(r"\w+")


class Words:
    """The words of a file."""

    def __init__(self, path: str) -> None:
        self.found = WORD.findall(Path(path).read_text(encoding="utf-8", errors="replace"))


seen: list[Words] = []
"""For a summary, some day. Nothing is ever taken out: this is the leak."""


@task
def count_everything(files: int = 120) -> dict[str, Any]:
    """Queue two jobs for each of the first `files` files of the standard library: their words, their lines."""
    packages = packages_in(default_folders()[0])
    paths = [path for package in packages for path in package.files()][:files]
    count_words.queue_many({"path": path} for path in paths)
    count_lines.queue_many({"path": path} for path in paths)
    return {"files": len(paths)}


@task
def count_words(path: str) -> int:
    """How many words a file has."""
    words = Words(path)
    seen.append(words)
    return len(words.found)


@task
def count_lines(path: str) -> int:
    """How many lines a file has. It reads the same files and keeps nothing."""
    return len(Path(path).read_bytes().splitlines())
