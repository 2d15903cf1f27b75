"""What is known about one setting, and the helper that declares it.

A setting is a field of a frozen dataclass, so that `settings.max_jobs` is an int to a type checker. What
the commands need beside the value (help, unit, spellings of the flag) travels in the field's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

Command = Literal["client", "worker", "run", "agent", "dashboard"]
"""Who asks for settings. `client` is every command or script that has only the shared options."""

Kind = Literal["bool", "int", "float", "str", "words", "server", "dict", "list", "function"]
"""The type of a value. `words`: a list of names. `server`: a URL, or a client that is ready for use."""

Group = Literal[
    "Servers",
    "Queues and jobs",
    "Worker",
    "Limits",
    "Reliability",
    "Scheduler",
    "Statistics",
    "Logging",
    "Tracing",
    "Run",
    "Agent",
    "Dashboard",
    "General",
]
"""A section of `--help`; the sections are shown in this order."""

EVERYWHERE: tuple[Command, ...] = ("client", "worker", "run", "agent", "dashboard")
FILE_ONLY: tuple[Command, ...] = ()

_KINDS: dict[type, Kind] = {bool: "bool", int: "int", float: "float", str: "str", dict: "dict", list: "list"}


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """One setting, as the commands, the help and the checks see it."""

    key: str
    """Its name: `key` in Python, `--key` as a flag, `MRQ_KEY` in the environment, `KEY` in the file."""
    kind: Kind
    default: Any
    """Its default; a mutable one is copied for each `Settings`."""
    text: str
    """One sentence for `--help`."""
    group: Group
    commands: tuple[Command, ...]
    """The commands that have a flag for it; none: it is set in the file (or by Python code) only."""
    unit: str
    """What a number counts, such as "seconds"; else empty."""
    aliases: tuple[str, ...]
    """Other spellings of the flag, with their dashes."""
    positional: bool
    """Given as plain words on the command line, without a flag."""
    minimum: float | None
    """The smallest number that makes sense."""
    above: float | None
    """The number has to be greater than this one."""
    later: str | None
    """The feature this belongs to, as long as it isn't there: the setting is accepted and has no effect."""
    obsolete: str | None
    """Why the setting has no effect any more and will not get one back."""
    default_text: str | None
    """The default in words, where it is found out while running."""
    command_defaults: Mapping[Command, Any]
    """Defaults that differ for one command."""

    @property
    def flags(self) -> tuple[str, ...]:
        """Every spelling of the flag, the full one first; none for what has no flag."""
        if self.positional or not self.commands:
            return ()
        return (f"--{self.key}", *self.aliases)

    @property
    def has_effect(self) -> bool:
        """Whether it does anything in this version."""
        return not (self.later or self.obsolete)

    def default_for(self, command: Command) -> Any:
        """The default that holds for this command; a fresh copy when it can be changed in place."""
        value = self.command_defaults.get(command, self.default)
        return value.copy() if isinstance(value, (dict, list)) else value


def option(
    default: T,
    text: str,
    *,
    group: Group,
    kind: Kind | None = None,
    commands: tuple[Command, ...] = EVERYWHERE,
    unit: str = "",
    aliases: tuple[str, ...] = (),
    positional: bool = False,
    minimum: float | None = None,
    above: float | None = None,
    later: str | None = None,
    obsolete: str | None = None,
    default_text: str | None = None,
    command_defaults: Mapping[Command, Any] | None = None,
) -> T:
    """Declare a setting: a dataclass field that carries an `Option`; the parameters are its attributes.

    `kind` follows from the default unless that is None. The return type is the default's, as with
    `dataclasses.field`, so that a field's annotation and its default are checked against each other.
    """
    about = Option(
        key="",  # the field's name, which isn't known here: filled in when the fields are collected
        kind=kind or _KINDS[type(default)],
        default=default,
        text=text,
        group=group,
        commands=commands,
        unit=unit,
        aliases=aliases,
        positional=positional,
        minimum=minimum,
        above=above,
        later=later,
        obsolete=obsolete,
        default_text=default_text,
        command_defaults=command_defaults or {},
    )
    metadata = {"option": about}
    if isinstance(default, (dict, list)):
        return cast("T", field(default_factory=default.copy, metadata=metadata))
    return field(default=default, metadata=metadata)


_LONGER = (("day", 24 * 3600), ("hour", 3600))


def long_time(about: Option) -> str | None:
    """Return a default of whole days or hours in words, such as "180 days"; None for any other."""
    seconds = about.default
    if about.unit != "seconds" or isinstance(seconds, str):
        return None
    for name, length in _LONGER:
        if seconds >= length and seconds % length == 0:
            number = int(seconds // length)
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return None
