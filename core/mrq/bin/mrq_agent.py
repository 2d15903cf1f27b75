"""`mrq-agent` as a script. The agent is found as an entry point of the package that brings it."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points


def main() -> None:
    """Run an agent with the arguments of the process, and exit."""
    for entry in entry_points(group="mrq.commands", name="agent"):
        sys.exit(entry.load()(sys.argv[1:]))
    sys.exit("mrq: the agent is not installed here; get it by: pip install 'mrq-cloud[container]'")


if __name__ == "__main__":
    main()
