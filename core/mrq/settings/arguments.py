"""The settings as arguments of an argparse parser, for scripts that have one. MRQ's own commands use click."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mrq.settings.model import options_for

if TYPE_CHECKING:
    import argparse

    from mrq.settings.option import Command, Option

_TYPES: dict[str, type] = {"int": int, "float": float}


def add_arguments(parser: argparse.ArgumentParser, command: Command, *, words: bool = True) -> None:
    """Add the flags of a command, each under its key. A spelling that the parser has already is left out.

    words: add what is given as plain words too, such as the queues of a worker
    """
    taken = {spelling for action in parser._actions for spelling in (*action.option_strings, action.dest)}  # noqa: SLF001
    for about in options_for(command):
        if about.key in taken or (about.positional and not words):
            continue
        if about.positional:
            parser.add_argument(about.key, nargs="*", default=about.default_for(command), help=about.text)
        else:
            spellings = [flag for flag in about.flags if flag not in taken]
            parser.add_argument(*spellings, dest=about.key, help=_help(about), **_kind(about, command))
            if about.kind == "bool" and about.default_for(command):
                parser.add_argument(f"--no_{about.key}", dest=about.key, action="store_false", help="The opposite")


def _kind(about: Option, command: Command) -> dict[str, Any]:
    default = about.default_for(command)
    if about.kind != "bool":
        return {"type": _TYPES.get(about.kind, str), "default": default}
    if not default:
        return {"action": "store_true", "default": False}
    return {"type": _switch, "nargs": "?", "const": True, "default": True}


def _switch(word: str) -> bool:
    return word.strip().lower() not in ("0", "false", "no", "off")


def _help(about: Option) -> str:
    return about.text.replace("%", "%%")


def given_in_arguments(command: Command, *, words: bool = True) -> dict[str, Any]:
    """What sys.argv says of the settings of a command: only what is given there, by key."""
    import argparse  # noqa: PLC0415 - programs that use MRQ as a library don't need it

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_arguments(parser, command, words=words)
    absent = object()
    for action in parser._actions:  # noqa: SLF001
        action.default = absent
    found, _ = parser.parse_known_args(sys.argv[1:])
    return {key: value for key, value in vars(found).items() if value is not absent}
