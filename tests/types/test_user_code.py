"""User code keeps its types: mypy accepts what is right, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mrq

CODE = Path(__file__).with_name("user_code.py")
STRICT = ["--strict", "--warn-unused-ignores", "--no-incremental", "--no-error-summary", "--hide-error-context"]


def checked(path: Path, folder: Path) -> str:
    """What mypy says of a file when MRQ is an installed package for it."""
    assert (Path(mrq.__file__).parent / "py.typed").exists()
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *STRICT, "--config-file", "", "--follow-imports", "silent", str(path)],
        cwd=folder, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_mypy_finds_the_marked_mistakes_and_no_others(tmp_path: Path) -> None:
    assert checked(CODE, tmp_path) == ""
