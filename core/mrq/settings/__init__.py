"""The settings of MRQ: every option once, typed, with its default and help, and how they are loaded.

`load()` reads them; `Settings` holds them; `OPTIONS` describes each one.
"""

from __future__ import annotations

from mrq.settings.file import put_current_directory_first
from mrq.settings.load import Loaded, in_lower_case, load, suggestion
from mrq.settings.model import OPTIONS, Settings, options_for
from mrq.settings.option import Command, Option
from mrq.settings.redact import redact_url

__all__ = [
    "OPTIONS",
    "Command",
    "Loaded",
    "Option",
    "Settings",
    "in_lower_case",
    "load",
    "options_for",
    "put_current_directory_first",
    "redact_url",
    "suggestion",
]
