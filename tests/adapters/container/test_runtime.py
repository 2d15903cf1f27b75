"""The gevent Runtime passes the contract suite, in a process of its own: this one is not patched by gevent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CONTRACT = Path(__file__).parents[2] / "contract"
SUITES = [CONTRACT / "test_runtime.py", CONTRACT / "test_runtime_again.py", CONTRACT / "test_subpools.py"]
PATCHED = "from gevent import monkey; monkey.patch_all()\nimport sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: str(suite.stem))
def test_the_gevent_runtime_keeps_the_contract(suite: Path) -> None:
    environment = {**os.environ, "MRQ_TEST_RUNTIME": "mrq_container.runtime:GeventRuntime"}
    command = [sys.executable, "-c", PATCHED, "-q", "-p", "no:cacheprovider", str(suite)]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, env=environment, cwd=CONTRACT.parents[1]
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert int(re.findall(r"(\d+) passed", ran.stdout)[0]) >= 4
