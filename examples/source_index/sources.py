"""Where Python sources are: the standard library, and what pip has installed."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path

OTHERS = frozenset({"site-packages", "dist-packages", "__pycache__"})
"""Folders that are inside the standard library's and don't belong to it."""

LARGEST = 500_000
"""Bytes of a file that somebody has written."""

MODULES = "(modules)"
"""Stands for the single modules beside the packages of a folder."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package, or all the single modules of a folder."""

    name: str
    folder: str
    deep: bool = True  # False: only the files directly in the folder

    def files(self) -> list[str]:
        """Paths of its Python files, sorted. Those that a generator made too long to be read are left out."""
        found = Path(self.folder).glob("**/*.py" if self.deep else "*.py")
        return sorted(
            str(path)
            for path in found
            if path.is_file() and "__pycache__" not in path.parts and path.stat().st_size <= LARGEST
        )


def default_folders() -> list[str]:
    """The standard library's folder, and that of the installed packages."""
    return [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]


def packages_in(folder: str) -> list[Package]:
    """The packages directly in a folder by name, and last its single modules."""
    names = sorted(path.name for path in Path(folder).iterdir() if path.is_dir() and path.name not in OTHERS)
    packages = [Package(name, str(Path(folder, name))) for name in names]
    return [*packages, Package(MODULES, folder, deep=False)]
