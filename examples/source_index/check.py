"""A second way to count the input, with nothing of the jobs' own code: what they should have found."""

from __future__ import annotations

import os
import sysconfig
import warnings
from ast import PyCF_ONLY_AST
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


LARGEST = 500_000  # bytes: longer files are left out


@dataclass(frozen=True, slots=True)
class Counted:
    """What a walk over the folders counted. `size`: bytes of the files that can be parsed."""

    packages: int
    files: int
    unparsable: int
    size: int


def count_input(
    files: int, folders: Sequence[str] | None = None, report: Callable[[int, int], None] = lambda _done, _all: None
) -> Counted:
    """Walk over the folders and compile the first `files` files. `report(done, all)` is called now and then."""
    folders = folders or [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]
    found = [each for folder in folders for each in sorted(_walk(folder))][:files]
    size = unparsable = 0
    for number, (*_, path) in enumerate(found):
        with open(path, "rb") as file:  # noqa: PTH123 - on purpose not as the jobs do it
            source = file.read()
        if _parses(source):
            size += len(source)
        else:
            unparsable += 1
        if number % 50 == 0:
            report(number, len(found))
    report(len(found), len(found))
    return Counted(len({(folder, package) for _, package, folder, _ in found}), len(found), unparsable, size)


def _walk(top: str) -> Iterator[tuple[bool, str, str, str]]:
    """Of each Python file: whether it is in no package, its package, the folder above, its path.

    In this order they sort as the jobs go: packages by name, single modules last.
    """
    top = os.path.abspath(top)  # noqa: PTH100
    for folder, folders, names in os.walk(top):
        others = {"__pycache__"} | ({"site-packages", "dist-packages"} if folder == top else set())
        folders[:] = [name for name in folders if name not in others]
        package = folder[len(top) :].lstrip(os.sep).partition(os.sep)[0]
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118
            if name.endswith(".py") and os.path.isfile(path) and os.path.getsize(path) <= LARGEST:  # noqa: PTH113, PTH202
                yield not package, package, top, path


def _parses(source: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "<input>", "exec", PyCF_ONLY_AST, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
