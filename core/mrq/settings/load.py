"""Puts the settings of a process together: defaults, config file, environment, command line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from mrq.exceptions import ConfigError
from mrq.settings.expand import expanded
from mrq.settings.file import (
    display_path,
    find_config_file,
    lower_case_names,
    named_in_environment,
    put_current_directory_first,
    read_config_file,
)
from mrq.settings.model import OPTIONS, Settings
from mrq.settings.tables import TABLES, check_schedule, check_table
from mrq.settings.values import ARGUMENT, Origin, check_together, checked, from_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mrq.settings.option import Command

Source = Literal["file", "env", "args"]

COMMAND_SOURCES: tuple[Source, ...] = ("file", "env", "args")
COMMAND_LINE = Origin("command line")
ENV_PREFIX = "MRQ_"

RESERVED = ("TEST_", "IS_SUBPROCESS", "PAGE", "AGENT_ID", "WORKER_GROUP", "DEPLOY", "GUARD_")
"""What environment variables of MRQ's own start with, after the prefix; they are no mistyped settings."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """The settings, and what the user should be told about them once, at the start."""

    settings: Settings
    warnings: list[str]


class _Sheet:
    """Collects values in the order of the sources; a later one replaces an earlier one."""

    def __init__(self, command: Command) -> None:
        self.values = Settings.defaults(command)
        self.defaults = dict(self.values)
        self.origins: dict[str, Origin] = {}
        self.warnings: list[str] = []

    def take(self, given: Mapping[str, Any], origin: Origin) -> None:
        for key, value in given.items():
            about = OPTIONS.get(key)
            self.values[key] = value if about is None else checked(about, value, origin)
            self.origins[key] = origin
            if key in TABLES:
                self.warnings += check_table(key, self.values[key], origin)
            elif key == "scheduler_tasks" and value is not None:
                check_schedule(value, origin)

    def take_environment(self, environ: Mapping[str, str], prefix: str) -> None:
        origin = Origin("environment", prefix)
        for key in self.values:
            text = environ.get(f"{prefix}{key.upper()}")
            if text and text.strip():
                about = OPTIONS.get(key)
                if about is not None and about.kind == "server":
                    text = expanded(key, text, environ, origin)
                self.values[key] = text if about is None else from_text(about, text, origin)
                self.origins[key] = origin

    def finish(self) -> Loaded:
        if self.values["dashboard_httpauth"] and "dashboard_ip" not in self.origins:
            self.values["dashboard_ip"] = "0.0.0.0"  # noqa: S104 - a password is asked for
        check_together(self.values, self.origins)
        self.warnings += [text for key in self.origins if (text := self._without_effect(key))]
        known = {key: value for key, value in self.values.items() if key in OPTIONS}
        extra = {key: value for key, value in self.values.items() if key not in OPTIONS}
        return Loaded(Settings(**known, extra=extra), self.warnings)

    def _without_effect(self, key: str) -> str | None:
        about = OPTIONS.get(key)
        if about is None or self.values[key] == self.defaults[key]:
            return None
        start = f"{self.origins[key].name(key)} is accepted, but"
        if about.obsolete:
            return f"{start} {about.obsolete}; it has no effect"
        if about.later:
            return f"{start} {about.later} is not there yet in this version; it has no effect"
        return None


def load(
    command: Command = "client",
    *,
    given: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    sources: Sequence[Source] = COMMAND_SOURCES,
    env_prefix: str = ENV_PREFIX,
    file_path: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Loaded:
    """Return the settings of a command, and warnings; nothing is printed.

    A command line wins over the environment, that over the config file, that over the defaults (MRQ 0.9).
    Puts the current directory first on sys.path and runs the config file.

    command:    the command, since a few defaults differ
    given:      what was given on the command line, by key; wins even when it equals the default
    environ:    the environment; default os.environ. MRQ_<KEY> counts for known keys and those in the file
    sources:    which sources to read; a later one wins
    env_prefix: what environment variables start with
    file_path:  the config file; default `given["config"]`, else MRQ_CONFIG, else mrq-config.py here
    defaults:   more defaults, below all sources
    extra:      values that win over all sources

    Raises ConfigError, which names the setting, its value and where it was given.
    """
    put_current_directory_first()
    environ = os.environ if environ is None else environ
    given = given or {}
    sheet = _Sheet(command)
    sheet.take(defaults or {}, ARGUMENT)
    sheet.defaults.update(sheet.values)
    from_file, file_origin = _file(file_path, given, environ, env_prefix) if "file" in sources else ({}, ARGUMENT)
    for source in sources:
        if source == "file":
            sheet.take(from_file, file_origin)
        elif source == "env":
            sheet.take_environment(environ, env_prefix)
        elif source == "args":
            sheet.take(given, COMMAND_LINE)
        else:
            raise ConfigError(f"unknown source of settings {source!r}: should be file, env or args")
    sheet.take(extra or {}, ARGUMENT)
    sheet.warnings += _mistyped_in_file(from_file, file_origin)
    if "env" in sources:
        sheet.warnings += _mistyped_in_environment(environ, env_prefix, from_file)
    return sheet.finish()


def _file(
    file_path: str | None, given: Mapping[str, Any], environ: Mapping[str, str], prefix: str
) -> tuple[dict[str, Any], Origin]:
    """What the config file sets, and where that is."""
    path = _path(file_path, given, environ, prefix)
    if path is None:
        return {}, ARGUMENT
    return read_config_file(path), Origin("file", display_path(path))


def _path(file_path: str | None, given: Mapping[str, Any], environ: Mapping[str, str], prefix: str) -> Path | None:
    candidates = (
        (file_path, "file_path"),
        (given.get("config"), "--config"),
        (named_in_environment(environ, prefix), f"{prefix}CONFIG"),
    )
    named, named_by = next(((name, by) for name, by in candidates if name), (None, ""))
    return find_config_file(named, named_by)


def in_lower_case(given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> list[str]:
    """Return a note for each name in the config file that would be a setting if it were in capitals.

    They are legal, and mostly the file's own variables. Raises ConfigError.
    """
    path = _path(None, given, os.environ if environ is None else environ, ENV_PREFIX)
    if path is None:
        return []
    return [
        f"{name} in {display_path(path)} is no setting, since its name has no capitals; did you mean {name.upper()}?"
        for name in lower_case_names(path)
        if name in OPTIONS
    ]


def suggestion(key: str) -> str | None:
    """Return the setting that an unknown key looks like, if there is one."""
    # Extra connections have names that look like ours, such as REDIS_2.
    cutoff = 0.9 if key.startswith(("redis", "mongodb")) else 0.8
    return next(iter(get_close_matches(key, OPTIONS, n=1, cutoff=cutoff)), None)


def _mistyped_in_file(values: Mapping[str, Any], origin: Origin) -> list[str]:
    return [
        f"unknown setting {origin.name(key)} in {origin.place}; did you mean {origin.name(close)}?"
        for key, value in values.items()
        # Task, for one, is no mistyped TASKS but an imported class.
        if key not in OPTIONS and not isinstance(value, (type, ModuleType)) and (close := suggestion(key))
    ]


def _mistyped_in_environment(environ: Mapping[str, str], prefix: str, in_file: Mapping[str, Any]) -> list[str]:
    warnings: list[str] = []
    for name in sorted(environ) if prefix else ():
        rest = name.removeprefix(prefix)
        key = rest.lower()
        if rest == name or key in OPTIONS or key in in_file or rest.startswith(RESERVED):
            continue
        if close := suggestion(key):
            warnings.append(f"unknown setting {name} in the environment; did you mean {prefix}{close.upper()}?")
    return warnings
