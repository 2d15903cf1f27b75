"""`mrq-worker` as a script. The worker is found as an entry point of the package that brings it.

Nothing else is imported: this process becomes the guard, which stays small, or is patched by gevent first.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points


def main() -> None:
    """Run a worker with the arguments of the process, and exit."""
    for entry in entry_points(group="mrq.commands", name="worker"):
        sys.exit(entry.load()())
    sys.exit("mrq: the worker is not installed here; get it by: pip install 'mrq-cloud[container]'")


if __name__ == "__main__":
    main()
