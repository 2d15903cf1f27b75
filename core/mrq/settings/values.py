"""Checks a value against its setting; an error says what is wrong, where it was given, what is expected."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mrq.exceptions import ConfigError
from mrq.settings.redact import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.settings.option import Option

STRATEGIES = ("sequential", "parallel", "burst")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "NOTSET")
FALSE_WORDS = ("0", "false", "no", "off")

_DOTTED_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_EXPECTED: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "str": (str,),
    "dict": (dict,),
    "list": (list, tuple),
}


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a value was given; words it for messages."""

    kind: Literal["file", "environment", "command line", "argument"]
    place: str = ""
    """The path of the file, or the prefix of the environment variables."""

    def name(self, key: str) -> str:
        """Return the name of a setting as it is spelled there, such as `MRQ_GREENLETS`."""
        spelled = {
            "file": key.upper(),
            "environment": f"{self.place}{key.upper()}",
            "command line": f"--{key}",
            "argument": key,
        }
        return spelled[self.kind]

    def subject(self, key: str, value: object, inside: str = "") -> str:
        """Return the start of a message: name, value, and the file; `inside` leads into a table."""
        text = shown(key, value)
        if self.kind == "file":
            return f"{self.name(key)}{inside} = {text} in {self.place}"
        return f"{self.name(key)}{inside}={text}"

    def tail(self) -> str:
        """Return the end of a message: where it was, unless the subject has told."""
        return f" ({self.kind})" if self.kind in ("environment", "command line") else ""

    def error(self, key: str, value: object, complaint: str, inside: str = "") -> ConfigError:
        """Return the error that says that this value of this setting `complaint`."""
        return ConfigError(f"{self.subject(key, value, inside)} {complaint}{self.tail()}")


ARGUMENT = Origin("argument")


def from_text(about: Option, text: str, origin: Origin) -> Any:
    """Return the value that a string from the environment stands for, checked.

    `0`, `false`, `no` and `off` are False and all else is True; in MRQ 0.9 every text, "0" too, was true.
    Raises ConfigError.
    """
    match about.kind:
        case "bool":
            return text.strip().lower() not in FALSE_WORDS
        case "int" | "float":
            return checked(about, _number(about, text, origin), origin)
        case "words":
            return text.split()
        case "dict" | "list" | "function":
            raise ConfigError(f"{origin.name(about.key)} can only be set in the config file (environment)")
    return checked(about, text, origin)


def _number(about: Option, text: str, origin: Origin) -> float:
    whole = about.kind == "int"
    try:
        return int(text) if whole else float(text)
    except ValueError:
        complaint = "is not a whole number" if whole else "is not a number"
        raise origin.error(about.key, text, complaint) from None


def checked(about: Option, value: Any, origin: Origin) -> Any:
    """Return a value as the setting holds it: whole numbers become floats where those are due, and so on.

    Raises ConfigError when the type is wrong or the value makes no sense.
    """
    if value is None and about.default is None:
        return None
    value = _of_right_type(about, value, origin)
    if about.kind in ("int", "float"):
        _check_bounds(about, value, origin)
    if about.key == "log_level":
        return _log_level(value, origin)
    if about.key == "dequeue_strategy" and value not in STRATEGIES and not _DOTTED_PATH.fullmatch(value):
        choices = ", ".join(STRATEGIES)
        raise origin.error(about.key, value, f"should be one of {choices}, or the dotted path of your own")
    return value


def _of_right_type(about: Option, value: Any, origin: Origin) -> Any:
    match about.kind:
        case "server":
            return _server(about, value, origin)
        case "words":
            return _words(about, value, origin)
        case "function":
            right = callable(value)
        case "bool":
            # TRACE_IO = 1 is common in config files.
            right = value in (0, 1) and isinstance(value, int)
            value = bool(value) if right else value
        case _:
            right = isinstance(value, _EXPECTED[about.kind]) and not isinstance(value, bool)
    if not right:
        expected = "a function" if about.kind == "function" else about.kind
        raise origin.error(about.key, value, f"should be {expected}, not {type(value).__name__}")
    return float(value) if about.kind == "float" else value


def _server(about: Option, value: Any, origin: Origin) -> Any:
    """MRQ 0.9 takes all but a string for a client that is ready for use; "0" and "1" mean none and same."""
    if isinstance(value, (int, float)):
        if value in (0, 1):
            return str(int(value))
        raise origin.error(about.key, value, f"should be a URL or a client object, not {type(value).__name__}")
    return value


def _words(about: Option, value: Any, origin: Origin) -> Any:
    if isinstance(value, str):
        return value.split()
    if not isinstance(value, (list, tuple)) or not all(isinstance(word, str) for word in value):
        raise origin.error(about.key, value, "should be a list of str")
    return value if isinstance(value, list) else list(value)


def _check_bounds(about: Option, value: float, origin: Origin) -> None:
    if not math.isfinite(value):
        raise origin.error(about.key, value, "is not a number that can be used")
    if about.minimum is not None and value < about.minimum:
        raise origin.error(about.key, value, f"should be {about.minimum:g} or more")
    if about.above is not None and value <= about.above:
        raise origin.error(about.key, value, f"should be more than {about.above:g}")


def _log_level(value: str, origin: Origin) -> str:
    if value.upper() not in LOG_LEVELS:
        raise origin.error("log_level", value, "should be one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    return value.upper()


def check_together(values: Mapping[str, Any], origins: Mapping[str, Origin]) -> None:
    """Check what only shows when several settings are seen together; raises ConfigError."""
    lease, beat = values["lease"], values["heartbeat_interval"]
    if lease < 3 * beat:
        origin = origins.get("lease") or origins.get("heartbeat_interval", ARGUMENT)
        raise ConfigError(
            f"{origin.name('lease')} ({lease:g} s) should be at least three times heartbeat_interval "
            f"({beat:g} s): otherwise one late heartbeat makes a living worker look dead{origin.tail()}"
        )
