"""Tasks that are defined in the script itself: workers import that file, so all that it does is done again there."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path

_GUARD = re.compile(r"^if\s+(__name__\s*==|['\"]__main__['\"]\s*==)", re.MULTILINE)


@functools.cache
def what_is_wrong_with_main() -> str | None:
    """Why tasks of the main module may not work, or None."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None:
        return "it is defined in an interactive session, where no worker can import it; put it into a module"
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    if _GUARD.search(text):
        return None
    return (
        f"{Path(file).name} is run as a script: a worker imports it to find the task, and so runs all that stands in "
        "it, this call too. Put what queues jobs under `if __name__ == '__main__':`, or the task into another module"
    )
