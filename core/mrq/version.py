"""The version of this distribution, as `--version` says it."""

from __future__ import annotations

VERSION = "1.0.0.dev0"
