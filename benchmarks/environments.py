"""An environment of its own for each contender, so that each has the versions of drivers that it asks for, and nothing
else: drivers import what they find, such as OpenTelemetry. This project is in its own as its `container` extra is."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"
CACHE = ROOT / ".bench"
INSTALL_SECONDS = 300

OURS = "mrq_cloud"


def requirements_of(peer: str) -> Path:
    """The file that pins what a peer needs."""
    return PEERS / f"{peer}.txt"


def programs_of(peer: str) -> Path:
    """The folder with a peer's `python`; that of this process for what has no requirements of its own."""
    if not requirements_of(peer).exists():
        return Path(sys.executable).parent
    return CACHE / peer / "bin"


def install(peer: str) -> str:
    """Make the peer's environment if it is not there, or not what its requirements say.

    Returns why it could not be made, in one line; "" if it is there.
    """
    pins = requirements_of(peer)
    if not pins.exists():
        return ""
    folder = CACHE / peer
    stamp, wanted = folder / "installed", _stamp_of(peer, pins)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return ""
    shutil.rmtree(folder, ignore_errors=True)
    log = CACHE / f"{peer}.log"
    CACHE.mkdir(exist_ok=True)
    print(f"installing {peer}", file=sys.stderr)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    with log.open("w", encoding="utf-8") as out:
        try:
            steps = [[sys.executable, "-m", "venv", str(folder)], [*pip, "--requirement", str(pins)]]
            if peer == OURS:  # as it is here, also when it changes
                steps.append([*pip, "--no-deps", "--editable", str(ROOT)])
            for command in steps:
                subprocess.run(command, stdout=out, stderr=out, check=True, timeout=INSTALL_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            return f"not installed, {log.relative_to(ROOT)} says why ({type(error).__name__})"
    stamp.write_text(wanted, encoding="utf-8")
    return ""


def _stamp_of(peer: str, pins: Path) -> str:
    """What an environment was made of. Ours is that of this checkout."""
    return hashlib.sha256(pins.read_bytes() + (bytes(ROOT) if peer == OURS else b"")).hexdigest()


def versions(peer: str, names: tuple[str, ...]) -> dict[str, str]:
    """The installed versions of these distributions in the peer's environment."""
    program = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    command = [str(programs_of(peer) / "python"), "-c", program, *names]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return dict(zip(names, ran.stdout.split(), strict=False))
