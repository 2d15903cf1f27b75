"""Check that the embedded servers find their shared libraries; as root on Debian or Ubuntu, install what is missing.

A slim image of Debian lacks libcurl4, which mongod needs. Exits with 1 if something is still missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from mrq.embedded.binaries import find_mongod, find_redis_server
from mrq.embedded.server import LIBRARY_PACKAGES
from mrq.exceptions import ServerUnavailableError


def missing_libraries() -> set[str]:
    """The names of the libraries that the loader doesn't find; empty where there is no ldd to ask."""
    if shutil.which("ldd") is None:
        return set()
    missing: set[str] = set()
    for find in (find_mongod, find_redis_server):
        try:
            program = str(find())
        except ServerUnavailableError:  # said in full by whoever starts the server
            continue
        said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        missing.update(line.split()[0] for line in said.splitlines() if "not found" in line)
    return missing


def main() -> int:
    """See the module's docstring."""
    missing = missing_libraries()
    if not missing:
        return 0
    packages = sorted({LIBRARY_PACKAGES[library] for library in missing if library in LIBRARY_PACKAGES})
    command = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"The embedded servers need {', '.join(sorted(missing))}: {command}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            done = subprocess.run(
                ["apt-get", "-qq", *arguments], env=environment, stdin=subprocess.DEVNULL, check=False
            )
            if done.returncode:
                break
        missing = missing_libraries()
        if not missing:
            return 0
    print(f"The embedded servers can't run: these shared libraries are missing: {', '.join(sorted(missing))}.",
          file=sys.stderr)  # fmt: skip
    print(f"Install them (on Debian and Ubuntu, as root: {command}), then call make again.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
