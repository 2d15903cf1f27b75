"""Names of MRQ 0.9 that live in another package now: found as entry points of the group "mrq.moved"."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

GROUP = "mrq.moved"


def moved(module: str, name: str, extra: str) -> Any:
    """What `module.name` is, from the package that brings it.

    Raises:
        ImportError: that package is not installed; the message names the extra that brings it.
    """
    for entry in entry_points(group=GROUP, name=f"{module}.{name}"):
        return entry.load()
    raise ImportError(f"{module}.{name} is not installed here; get it by: pip install 'mrq-cloud[{extra}]'")
