"""Write to what may be a file, a pipe that is full, or whatever somebody has put in its place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def write_now(text: str, out: TextIO) -> None:
    """Write past the stream's own buffer, which would keep what it can't write and try that again later."""
    try:
        number = out.fileno()
    except (OSError, ValueError, AttributeError):  # no file: of a test, or of whoever has put something else there
        out.write(text)
        out.flush()
        return
    out.flush()
    left = text.encode()
    while left:
        left = left[os.write(number, left) :]
