"""`mrq-run` as a script."""

from __future__ import annotations

from mrq.cli.main import main_run as main

__all__ = ["main"]

if __name__ == "__main__":
    main()
