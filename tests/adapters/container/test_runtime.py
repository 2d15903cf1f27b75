"""The gevent Runtime keeps the contract. In a process of its own: tests are not patched by gevent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("gevent_contract.py")


def test_the_gevent_runtime_keeps_the_contract() -> None:
    ran = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.split()) == 6
    assert ran.stderr == ""
