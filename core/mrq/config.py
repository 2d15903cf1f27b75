"""`get_config`: the configuration as a dict, as MRQ 0.9 has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from mrq.settings.arguments import add_arguments, given_in_arguments
from mrq.settings.load import ENV_PREFIX, Source, load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from mrq.settings.option import Command

__all__ = ["add_parser_args", "get_config"]


class ArgumentParser(Protocol):
    """The part of argparse.ArgumentParser that is used here."""

    def parse_known_args(self, args: Sequence[str] | None = None, /) -> tuple[Any, list[str]]:
        """Return a namespace and the arguments that it doesn't know."""
        ...


def add_parser_args(parser: argparse.ArgumentParser, config_type: str | None) -> None:
    """Add MRQ's flags to a parser of your own, with their defaults; those that it has already stay as they are.

    config_type: "worker", "run", "agent", "dashboard", or None for the flags that all commands have
    """
    add_arguments(parser, cast("Command", config_type or "client"))
    if config_type == "run":
        parser.add_argument("taskpath", help="Task to run")
        parser.add_argument("taskargs", nargs="*", help="Its params: a JSON object, or names and values in turn")


def get_config(
    sources: Sequence[str] = ("file", "env"),
    env_prefix: str = ENV_PREFIX,
    file_path: str | None = None,
    parser: ArgumentParser | None = None,
    extra: Mapping[str, Any] | None = None,
    config_type: str | None = None,
) -> dict[str, Any]:
    """Return the configuration as a new flat dict with lower-case keys. Values from the file are its own objects.

    sources:     where to read it from, a later one wins: "file", "env" and "args" (MRQ's flags in sys.argv)
    env_prefix:  what environment variables start with
    file_path:   the config file; default --config, else MRQ_CONFIG, else mrq-config.py in the current directory
    parser:      an argparse parser with arguments of your own: its defaults become defaults here, and with
                 "args" in sources what it finds in sys.argv that differs from them wins. It isn't changed
    extra:       values that win over all sources
    config_type: "worker", "run", "agent", "dashboard" or None; which flags there are, and a few defaults, differ

    Raises ConfigError, which names the setting, its value and where it was given.
    """
    if isinstance(sources, str):
        sources = (sources,)
    command = cast("Command", config_type or "client")
    defaults: dict[str, Any] = {}
    given: dict[str, Any] = given_in_arguments(command, words=parser is None) if "args" in sources else {}
    if parser is not None:
        defaults = dict(vars(parser.parse_known_args([])[0]))
        if "args" in sources:
            parsed = vars(parser.parse_known_args()[0])
            given |= {key: value for key, value in parsed.items() if value != defaults.get(key)}
        # A parser has None for what isn't set; our own defaults are better than that.
        defaults = {key: value for key, value in defaults.items() if value is not None}
    loaded = load(
        command,
        given=given,
        sources=cast("Sequence[Source]", sources),
        env_prefix=env_prefix,
        file_path=file_path,
        defaults=defaults,
        extra=extra,
    )
    return loaded.settings.as_dict()
