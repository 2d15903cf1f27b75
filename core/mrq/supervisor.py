"""`mrq.supervisor`: a command that is kept running several times; brought by the extra "container"."""

from __future__ import annotations

from typing import Any

from mrq.moved import moved


def __getattr__(name: str) -> Any:
    if name not in ("Supervisor",):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return moved(__name__, name, "container")
