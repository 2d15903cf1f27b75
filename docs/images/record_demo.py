"""Records a run of `mrq demo` in a terminal as docs/images/demo.svg: the last state of each line, with its colours."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 92
OUT = Path(__file__).with_name("demo.svg")
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def record(command: list[str]) -> str:
    """Run a command in a terminal of its own; what it wrote there."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(COLUMNS)}
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    written = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the terminal's last user has gone
            break
        if not part:
            break
        written += part
    if process.wait() != 0:
        sys.exit(f"{' '.join(command)} ended with exit code {process.returncode}:\n{written.decode()}")
    return written.decode()


def settled(written: str) -> list[str]:
    """The lines as they look in the end: a line that was written again and again counts once."""
    lines = []
    for line in written.replace("\r\n", "\n").split("\n"):
        for _ in range(line.count("\x1b[1A")):  # back to the line before, which is then erased
            lines.pop()
        last = re.split(r"\r|\x1b\[2K", line)[-1]
        last = re.sub(r"\x1b\[\?[0-9;]*[a-zA-Z]|\x1b\[[0-9;]*[A-HJKSTf]", "", last)
        lines.append(re.sub(r"=\S*(?=/lib/python3)", "=…", last))  # where Python is on this machine is of no interest
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def main() -> None:
    """See the module's docstring."""
    lines = settled(record([str(Path(sys.executable).with_name("mrq")), "demo"]))
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ make demo", style="bold"))
    for line in lines:
        console.print(Text.from_ansi(line.rstrip()), no_wrap=True, overflow="crop", soft_wrap=True)
    svg = console.export_svg(title="mrq demo", unique_id="demo")
    # a picture that fetches nothing
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;]*Fira Code[^;]*;|font-family: arial;", f"font-family: {FONT};", svg)
    OUT.write_text("\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
