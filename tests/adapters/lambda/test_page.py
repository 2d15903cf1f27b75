"""The programs of the page on Lambda do what it says, on real servers."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from support.schema import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from support.burstsite import BurstSite

PAGE = (ROOT / "docs/lambda.md").read_text(encoding="utf-8")


def write(name: str, folder: Path) -> None:
    """A program of the page."""
    (text,) = re.findall(rf'^```python title="{name}"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
    (folder / name).write_text(text)


def run(name: str, site: BurstSite) -> list[dict[str, Any]]:
    """What it prints: answers of a burst."""
    done = subprocess.run(
        [sys.executable, name], cwd=site.folder, env={**os.environ, **site.environment}, timeout=100, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [ast.literal_eval(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_a_burst_on_ones_own_machine(site: BurstSite) -> None:
    for name in ("tasks.py", "try_burst.py"):
        write(name, site.folder)
    whole, rest = run("try_burst.py", site)
    assert (whole["jobs"], whole["reason"], whole["for_containers"]) == (20, "its queues are empty", {})
    assert (rest["jobs"], rest["for_containers"], rest["continued"]) == (0, {"tasks.thumbnail": 30}, False)
    assert site.statuses() == {"success": 20, "queued": 2}
