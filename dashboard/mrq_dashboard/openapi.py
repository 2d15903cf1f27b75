"""Writes the description of the API, from which the page's types are made: `python -m mrq_dashboard.openapi FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mrq.testing import memory_app
from mrq_dashboard.application import create_app


def description() -> str:
    """The OpenAPI document as JSON, the same for the same code."""
    with memory_app() as mrq:
        document = create_app(mrq, background=False, local_only=True).openapi()
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write it to the file that is named, or print it."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(description(), encoding="utf-8")
    else:
        sys.stdout.write(description())
    return 0


if __name__ == "__main__":
    sys.exit(main())
