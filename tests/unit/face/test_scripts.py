"""Tasks that are defined in a script which is run."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TASK = """
from mrq.task import task
from mrq.testing import memory_app

@task
def add(a, b):
    return a + b

"""
CALL = "with memory_app():\n    add.queue(1, 2)\n"


def said(path: Path, source: str) -> str:
    path.write_text(source)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    return done.stderr


def test_a_worker_would_run_the_whole_script_and_that_is_said(tmp_path: Path) -> None:
    text = said(tmp_path / "shop.py", TASK + CALL)
    assert "UserWarning: shop.add is queued, but shop.py is run as a script" in text
    assert "if __name__ == '__main__'" in text
    assert text.startswith(str(tmp_path / "shop.py"))  # the line that queues it


@pytest.mark.parametrize("guard", ["if __name__ == '__main__':", 'if  "__main__"==__name__:'])
def test_a_script_with_a_guard_is_fine(tmp_path: Path, guard: str) -> None:
    call = CALL.replace("\n", "\n    ").rstrip()
    assert said(tmp_path / "shop.py", f"{TASK}{guard}\n    {call}\n") == ""


def test_a_task_of_a_session_can_not_be_imported() -> None:
    done = subprocess.run([sys.executable, "-c", TASK + CALL], capture_output=True, text=True, check=True)
    assert "it is defined in an interactive session, where no worker can import it" in done.stderr
