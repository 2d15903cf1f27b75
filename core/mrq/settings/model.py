"""All settings of one process, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from mrq.settings.others import FileSettings
from mrq.settings.redact import shown
from mrq.settings.values import ARGUMENT, checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.settings.option import Command, Option


# The groups of settings are a chain of classes, not a row of mixins: classes with slots can't be combined.
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings(FileSettings):
    """Every setting, typed. Build it with `load()`, `from_dict()` or, from known values, the constructor.

    The constructor checks nothing. Tables and functions that came from a config file are that file's own
    objects, so they are shared with whoever changes them there.
    """

    extra: Mapping[str, Any] = field(default_factory=dict)
    """What MRQ doesn't know, by its lower-case name: the user's own keys, `redis_xxx` and `mongodb_xxx`."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """Return the settings in a flat dict such as `as_dict()` returns; what is left out has its default.

        Raises ConfigError when a value has a wrong type or makes no sense.
        """
        known = {key: checked(OPTIONS[key], value, ARGUMENT) for key, value in values.items() if key in OPTIONS}
        return cls(**known, extra={key: value for key, value in values.items() if key not in OPTIONS})

    @classmethod
    def defaults(cls, command: Command = "client") -> dict[str, Any]:
        """Return the defaults that hold for a command, as a new dict."""
        return {key: about.default_for(command) for key, about in OPTIONS.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return a new flat dict of all settings and extras, as MRQ 0.9 has it; values aren't copied."""
        return {**{key: getattr(self, key) for key in OPTIONS}, **self.extra}

    def __repr__(self) -> str:
        """Name what differs from the defaults, without passwords."""
        values = self.as_dict()
        changed = [
            f"{key}={shown(key, value)}"
            for key, value in values.items()
            if key not in OPTIONS or value != OPTIONS[key].default
        ]
        return f"Settings({', '.join(changed)})"


OPTIONS: Mapping[str, Option] = {
    each.name: replace(each.metadata["option"], key=each.name) for each in fields(Settings) if "option" in each.metadata
}
"""Every setting by its name, in the order of its declaration."""


def options_for(command: Command) -> list[Option]:
    """Return the settings that can be given on the command line of `command`."""
    return [about for about in OPTIONS.values() if command in about.commands]
