"""From a task's path to something that runs."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import sys
from typing import TYPE_CHECKING, Any

from mrq.domain.optionvalues import check_options, newer_options
from mrq.domain.task import Task
from mrq.exceptions import UnknownTaskError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.domain.options import TaskOptions


_RESTART = ". Workers don't load changed code: restart the worker if you have just added it"


class TaskLoader:
    """Finds tasks by path and knows what is set for them.

    Settings of a task come from the defaults, over them from the task itself, over them from `TASKS`, which has
    to make sense: else ConfigError.
    """

    def __init__(self, defaults: TaskOptions, configured: Mapping[str, Mapping[str, Any]]) -> None:
        self._defaults = defaults
        self._configured = configured
        for path, entry in configured.items():
            check_options(newer_options(entry), f"TASKS[{path!r}]")
        self._classes: dict[str, type[Task]] = {}
        self._options: dict[str, TaskOptions] = {}

    @property
    def known(self) -> frozenset[str]:
        """Paths of tasks that are imported."""
        return frozenset(self._classes)

    def load(self, path: str) -> type[Task]:
        """The class of a task.

        Raises:
            UnknownTaskError: the path names no task.
            Exception: whatever the import of the user's module raised.
        """
        found = self._classes.get(path)
        if found is None:
            found = self._classes[path] = load_task_class(path)
        return found

    def loaded_options(self, path: str) -> TaskOptions:
        """What is set for a task, which is imported for it. An import that fails is left to `load`."""
        if path not in self._classes:
            with contextlib.suppress(Exception):
                self.load(path)
        return self.options(path)

    def options(self, path: str) -> TaskOptions:
        """What is set for a task, as far as that is known without importing anything."""
        options = self._options.get(path)
        if options is not None:
            return options
        if path not in self._classes and path.rpartition(".")[0] in sys.modules:
            with contextlib.suppress(Exception):
                self.load(path)
        task_class = self._classes.get(path)
        own = {} if task_class is None else own_options(task_class)
        options = self._defaults.merged(own).merged(self._configured.get(path, {}))
        if task_class is not None:
            self._options[path] = options
        return options


def own_options(task_class: type[Task]) -> Mapping[str, Any]:
    """What a task says for itself."""
    limit = {"max_concurrency": task_class.max_concurrency} if task_class.max_concurrency else {}
    return {**limit, **task_class.mrq_options}


def load_task_class(path: str) -> type[Task]:
    """Import what a path names: a Task class, or a function under `@task`."""
    module_name, _, name = path.rpartition(".")
    if not module_name:
        raise UnknownTaskError(f"task path {path!r} has no module; write it as module.Name, for example tasks.Fetch")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(error.name + ".")):
            raise  # the module is there, one that it imports is not
        raise UnknownTaskError(
            f"task {path!r}: there is no module {error.name!r} here; the worker looks in its current "
            f"directory and on PYTHONPATH{_RESTART}"
        ) from None
    target = getattr(module, name, None)
    if target is None:
        close = difflib.get_close_matches(name, [n for n in vars(module) if not n.startswith("_")], n=1)
        hint = f" (did you mean {module_name}.{close[0]}?)" if close else ""
        raise UnknownTaskError(f"task {path!r}: module {module_name!r} has no {name!r}{hint}{_RESTART}")
    cls: Any = getattr(target, "mrq_task_class", target)
    if not (isinstance(cls, type) and callable(getattr(cls, "run", None))):
        raise UnknownTaskError(
            f"task {path!r} is a {type(target).__name__}, which is no task; derive a class from "
            "mrq.task.Task, or put @task on a function"
        )
    if issubclass(cls, Task):
        return cls
    return type(cls.__name__, (cls, Task), {"__module__": cls.__module__})
