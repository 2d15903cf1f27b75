"""`get_config`: the configuration as a dict, as MRQ 0.9 has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from mrq.settings.load import ENV_PREFIX, Source, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mrq.settings.option import Command

__all__ = ["get_config"]


class ArgumentParser(Protocol):
    """The part of argparse.ArgumentParser that is used here."""

    def parse_known_args(self, args: Sequence[str] | None = None, /) -> tuple[Any, list[str]]:
        """Return a namespace and the arguments that it doesn't know."""
        ...


def get_config(
    sources: Sequence[str] = ("file", "env"),
    env_prefix: str = ENV_PREFIX,
    file_path: str | None = None,
    parser: ArgumentParser | None = None,
    extra: Mapping[str, Any] | None = None,
    config_type: str | None = None,
) -> dict[str, Any]:
    """Return the configuration as a new flat dict with lower-case keys.

    sources:     where to read it from, a later one wins: "file", "env" and, with a parser, "args"
    env_prefix:  what environment variables start with
    file_path:   the config file; default MRQ_CONFIG, else mrq-config.py in the current directory
    parser:      an argparse parser: its defaults become defaults here, and with "args" in sources what it
                 finds in sys.argv that differs from them wins. MRQ's own flags are not added to it
    extra:       values that win over all sources
    config_type: "worker", "run", "agent", "dashboard" or None; a few defaults differ

    Raises ConfigError, which names the setting, its value and where it was given.
    """
    defaults: dict[str, Any] = {}
    given: dict[str, Any] = {}
    if parser is not None:
        defaults = dict(vars(parser.parse_known_args([])[0]))
        if "args" in sources:
            parsed = vars(parser.parse_known_args()[0])
            given = {key: value for key, value in parsed.items() if value != defaults.get(key)}
        # A parser has None for what isn't set; our own defaults are better than that.
        defaults = {key: value for key, value in defaults.items() if value is not None}
    loaded = load(
        cast("Command", config_type or "client"),
        given=given,
        sources=cast("Sequence[Source]", sources),
        env_prefix=env_prefix,
        file_path=file_path,
        defaults=defaults,
        extra=extra,
    )
    return loaded.settings.as_dict()
