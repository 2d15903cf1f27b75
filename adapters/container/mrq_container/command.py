"""`mrq-worker`: by default a guard process with the worker as its child; with --no_guard the worker alone.

The guard must stay small and must not be patched by gevent, so nothing is imported here that it doesn't need.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

_OFF = ("0", "false", "no", "off")


def main(argv: list[str] | None = None) -> int:
    """Run a worker with these arguments (default: those of the process); its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if find_spec("gevent") is None:
        print("mrq-worker needs gevent: pip install 'mrq-cloud[container]'", file=sys.stderr)  # noqa: T201
        return 2
    try:
        if wants_guard(arguments):
            from mrq_container.guard import main as guarded  # noqa: PLC0415

            return guarded(arguments)
        from mrq_container.child import main as alone  # noqa: PLC0415

        return alone(arguments)
    except KeyboardInterrupt:  # before the handlers are there: nothing has been begun
        return 0


def wants_guard(arguments: list[str]) -> bool:
    """Whether the worker is to be guarded: decided before any configuration is read, by flag or environment."""
    spelled = {argument.replace("-", "_") for argument in arguments}
    if "__no_guard" in spelled:
        return False
    # help and version are answered by the worker's command line itself
    if spelled & {"__help", "_h", "__version", "_v"}:
        return False
    return os.environ.get("MRQ_GUARD", "1").strip().lower() not in _OFF


if __name__ == "__main__":
    sys.exit(main())
