"""For the config file of a worker: a hook that notes its heartbeats, and its answers to orders, in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FILE = "beats.txt"
BEAT, ANSWER = "beat", "answer"


def note(event: dict[str, Any]) -> None:
    """As MONGODB_POST_HOOK: a line for each that is written, in order."""
    if event["collection"].endswith(".mrq_workers") and event["method"] in {"update_one", "find_one_and_update"}:
        update = event["args"][1]
        what = ANSWER if "answers" in update.get("$push", {}) else BEAT if "beat" in update.get("$inc", {}) else ""
        if what:
            with Path(FILE).open("a") as file:
                file.write(f"{what}\n")


def noted(folder: Path) -> list[str]:
    """What a worker that runs in this folder has noted so far."""
    file = folder / FILE
    return file.read_text().split() if file.exists() else []
