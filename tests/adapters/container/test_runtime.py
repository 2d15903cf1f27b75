"""The gevent Runtime passes the contract suite, in a process of its own: this one is not patched by gevent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

SUITE = Path(__file__).parents[2] / "contract" / "test_runtime.py"
PATCHED = "from gevent import monkey; monkey.patch_all()\nimport sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"


def test_the_gevent_runtime_keeps_the_contract() -> None:
    environment = {**os.environ, "MRQ_TEST_RUNTIME": "mrq_container.runtime:GeventRuntime"}
    command = [sys.executable, "-c", PATCHED, "-q", "-p", "no:cacheprovider", str(SUITE)]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, env=environment, cwd=SUITE.parents[2]
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert int(re.findall(r"(\d+) passed", ran.stdout)[0]) >= 10
