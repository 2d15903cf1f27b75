"""The flags of the commands, made from the definitions of the settings."""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection
from typing import Any, TypeVar, get_args

import click
from click.core import ParameterSource

from mrq.settings import OPTIONS, Command, Option, options_for
from mrq.settings.option import Group, long_time
from mrq.version import VERSION

F = TypeVar("F", bound=Callable[..., Any])

WITHOUT_EFFECT = "Accepted, without effect in this version"
"""The last section of the help."""
OTHERS = "General"
"""The section of the help for `--help` and `--version`."""

_TYPES: dict[str, type] = {"int": int, "float": float}
_METAVARS = {"int": "INT", "float": "FLOAT"}


class SettingOption(click.Option):
    """A flag for one setting; shows its default and unit in the help, and where it belongs."""

    def __init__(self, about: Option) -> None:
        switch = about.kind == "bool"
        flags = list(about.flags)
        if switch and about.default:
            flags[0] = f"--{about.key}/--no_{about.key}"
        super().__init__(
            [about.key, *flags],
            is_flag=switch,
            type=None if switch else _TYPES.get(about.kind, str),
            # Defaults are left to the settings, which also know the file and the environment.
            default=None,
            help=about.text,
            metavar=None if switch else _METAVARS.get(about.kind, "TEXT"),
        )
        self.about = about

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:  # noqa: ARG002 - click's signature
        """Return the spellings and the explanation for `--help`; None when it is hidden."""
        if self.hidden:
            return None
        short_first = sorted(self.opts, key=lambda flag: flag.startswith("--"))
        names = ", ".join([*short_first, *self.secondary_opts])
        return names if self.is_flag else f"{names} {self.metavar}", _explanation(self.about)


class SettingArgument(click.Argument):
    """Plain words for one setting; has its place in the help, as the flags do."""

    def __init__(self, about: Option) -> None:
        super().__init__([about.key], nargs=-1)
        self.about = about

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:  # noqa: ARG002 - click's signature
        """Return the name and the explanation for `--help`."""
        return f"{self.about.key.upper()}...", _explanation(self.about)


def _explanation(about: Option) -> str:
    """What a setting means, its default with the unit, and whether it has an effect."""
    default, status = _default(about), _status(about)
    return about.text + (f"  [{default}]" if default else "") + (f"  ({status})" if status else "")


def _default(about: Option) -> str:
    if about.default_text:
        return f"default: {about.default_text}"
    if about.kind == "bool":
        return "default: on" if about.default else ""
    if about.default in (None, ""):
        return about.unit
    if about.kind == "words":
        return f"default: {' '.join(about.default)}"
    if words := long_time(about):
        return f"seconds, default: {words}"
    value = f"{about.default:.15g}" if about.kind == "float" else str(about.default)
    # what 0 means is in the text
    unit = "" if value == "0" else about.unit.removesuffix("s") if value == "1" else about.unit
    return f"default: {value} {unit}".rstrip()


def _status(about: Option) -> str:
    if about.obsolete:
        return "no effect"
    return "not there yet" if about.later else ""


def _section(parameter: click.Parameter) -> str:
    if not isinstance(parameter, (SettingOption, SettingArgument)):
        return OTHERS
    return parameter.about.group if parameter.about.has_effect else WITHOUT_EFFECT


class SettingsCommand(click.Command):
    """A command whose `--help` has sections, and which takes `--max-jobs` for `--max_jobs`."""

    def __init__(self, name: str | None, context_settings: dict[str, Any] | None = None, **kwargs: Any) -> None:
        settings = {
            "token_normalize_func": lambda token: token.replace("-", "_"),
            "help_option_names": ["-h", "--help"],
            **(context_settings or {}),
        }
        super().__init__(name, context_settings=settings, **kwargs)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group, and one for what belongs to none."""
        sections: dict[str, list[tuple[str, str]]] = {group: [] for group in (*get_args(Group), WITHOUT_EFFECT)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and record[1]:  # a word without a text of its own is told of in that of the command
                sections[_section(parameter)].append(record)
        for group, records in sections.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)


def settings_options(
    command: Command, *, version_exit_code: int | None = 1, shown: Collection[str] | None = None
) -> Callable[[F], F]:
    """Return a decorator that gives a click command the flags (and plain words) of its settings.

    The command should be a `SettingsCommand`; its function gets one keyword argument for each setting, and
    does better to ignore them and to hand `given_on_command_line()` to `load()`.

    shown: the settings that `--help` tells; the others are taken all the same. None: all
    version_exit_code: the status that `--version` ends with, 1 as in MRQ 0.9. None: no such flag
    """

    def decorate(function: F) -> F:
        parameters: list[click.Parameter] = [
            SettingArgument(about) if about.positional else SettingOption(about) for about in options_for(command)
        ]
        for parameter in parameters:
            if isinstance(parameter, click.Option) and shown is not None:
                parameter.hidden = parameter.name not in shown
        # Click reads the list that its own decorators leave on the function, last one first.
        attached: list[click.Parameter] = function.__dict__.setdefault("__click_params__", [])
        attached.extend(reversed(parameters))
        return function if version_exit_code is None else version_option(version_exit_code)(function)

    return decorate


def version_option(exit_code: int) -> Callable[[F], F]:
    """Return a decorator that adds `--version` and `-v`: two lines, MRQ's version and Python's."""

    def show(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
        if asked and not ctx.resilient_parsing:
            click.echo(f"MRQ v{VERSION}\nPython v{platform.python_version()}")
            ctx.exit(exit_code)

    return click.option(
        "--version",
        "-v",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show the versions.",
    )


def given_on_command_line(ctx: click.Context) -> dict[str, Any]:
    """Return the settings whose flags (or plain words) were given on the command line, for `load(given=...)`.

    Neither the environment nor a default counts, so a flag that repeats its default is in it.
    """
    given = {
        key: value
        for key, value in ctx.params.items()
        if key in OPTIONS and ctx.get_parameter_source(key) is ParameterSource.COMMANDLINE
    }
    # Click before 8.2 says that no plain words were given as an empty tuple.
    return {key: value for key, value in given.items() if value != ()}
