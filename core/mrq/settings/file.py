"""Finds the config file and runs it as a Python module."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrq.exceptions import ConfigError
from mrq.settings.redact import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

DEFAULT_NAME = "mrq-config.py"
_PLAIN = (bool, int, float, str, list, tuple, dict)
_STAMP = "__mrq_config_stamp__"


def put_current_directory_first() -> None:
    """Let tasks in the current directory be imported, as the commands of MRQ 0.9 do."""
    here = str(Path.cwd())
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)


def find_config_file(named: str | None, named_by: str) -> Path | None:
    """Return the config file: the one that was named, else mrq-config.py here, if there is one.

    Raises ConfigError when the named one is not a file; `named_by` says in the message who named it.
    """
    if not named:
        path = Path.cwd() / DEFAULT_NAME
        return path if path.is_file() else None
    path = Path(named).absolute()
    if not path.is_file():
        raise ConfigError(f"the config file {named} ({named_by}) does not exist, or is not a file")
    return path


def display_path(path: Path) -> str:
    """Return a path for messages: relative when it lies in the current directory."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def read_config_file(path: Path) -> dict[str, Any]:
    """Run a config file and return what it sets: names that start with an uppercase letter, in lower case.

    The values are the module's own objects. A file that did not change since is not run again, so that who
    reads the configuration twice in a process sees the same objects. Raises ConfigError with file and line
    when the file can't be read or run.
    """
    module = _module(path)
    return {name.lower(): value for name, value in vars(module).items() if name[0].isupper()}


def lower_case_names(path: Path) -> list[str]:
    """Return the names of plain values in a config file that are no settings. Raises ConfigError."""
    values = vars(_module(path))
    return [name for name, value in values.items() if name.islower() and isinstance(value, _PLAIN)]


def _module(path: Path) -> ModuleType:
    name = _module_name(path)
    status = path.stat()
    stamp = (str(path), status.st_mtime_ns, status.st_size)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, _STAMP, stamp) == stamp:
        return loaded
    module = _run(name, path)
    setattr(module, _STAMP, stamp)
    return module


def _module_name(path: Path) -> str:
    """The name that tasks would import it by, so that they share its objects; unless that is taken."""
    name = path.stem
    loaded = sys.modules.get(name)
    same = loaded is None or getattr(loaded, "__file__", None) == str(path)
    return name if same and name not in sys.stdlib_module_names else f"mrq_config:{path}"


def _run(name: str, path: Path) -> ModuleType:
    loader = SourceFileLoader(name, str(path))
    spec = spec_from_loader(name, loader)
    assert spec is not None, "only a loader without a module has no spec"
    module = module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.parent)
    sys.path.insert(0, folder)
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigError(_what_failed(path, error)) from error
    finally:
        with suppress(ValueError):  # the file may have changed sys.path itself
            sys.path.remove(folder)
    return module


def _what_failed(path: Path, error: BaseException) -> str:
    """One line: the file, the line of it that was running, the exception."""
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path):
            line = step.tb_lineno
        step = step.tb_next
    text: object = error
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line, text = error.lineno, error.msg
    where = f"{display_path(path)}, line {line}" if line else display_path(path)
    return redact_url(f"the config file failed: {where}: {type(error).__name__}: {text}")


def named_in_environment(environ: Mapping[str, str], prefix: str) -> str | None:
    """Return the config file that MRQ_CONFIG names, if it is set."""
    return environ.get(f"{prefix}CONFIG") or None
