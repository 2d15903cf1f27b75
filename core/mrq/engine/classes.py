"""Classes that a setting names by their dotted path."""

from __future__ import annotations

import importlib
from typing import Any

from mrq.exceptions import ConfigError


def class_at(path: str, setting: str) -> Any:
    """What `module.Name` names.

    Raises:
        ConfigError: there is no such thing; the message names the setting. An error inside the module is raised
            as it is.
    """
    module_name, _, name = path.rpartition(".")
    if not module_name:
        raise ConfigError(f"{setting} {path!r} is no dotted path; write module.Name")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(error.name + ".")):
            raise  # the module is there, one that it imports is not
        raise ConfigError(
            f"{setting} {path!r}: there is no module {error.name!r}; modules are looked for in the current "
            "directory and on PYTHONPATH"
        ) from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise ConfigError(f"{setting} {path!r}: module {module_name!r} has no {name!r}") from error
