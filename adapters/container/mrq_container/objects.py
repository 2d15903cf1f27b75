"""`--trace_memory_type`: which objects of a type a job leaves behind, and what keeps them, as a picture."""

from __future__ import annotations

import gc
import logging
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.engine.run import Run

log = logging.getLogger("mrq.worker")

MOST_PICTURES = 10  # of a task, in one process: each is looked at by somebody
DEEPEST = 20  # references from a module to the object
LONGEST_CHAIN = 300  # characters of it in the log


class ObjectTrace:
    """Looks before and after each job. For workers with one greenlet: what other jobs make meanwhile counts too."""

    def __init__(self, name: str, folder: str) -> None:
        """`name`: of a type, `dict` or with its module `tasks.Page`; `folder`: for the pictures.

        Raises:
            ConfigError: objgraph isn't installed.
        """
        try:
            import objgraph  # noqa: PLC0415 - few workers look
        except ModuleNotFoundError as error:
            raise ConfigError("trace_memory_type needs objgraph: pip install 'mrq-cloud[memory]'") from error
        self._objgraph = objgraph
        self._name = name
        self._folder = Path(folder)
        self._drawn: Counter[str] = Counter()
        self.failed = 0

    def watch(self, run: Run) -> Callable[[], None]:
        """Before the task; what it returns is to be called after it. Neither raises."""
        try:
            known = self._ids()
        except Exception as error:  # noqa: BLE001 - see _look
            self._failed(run, error)
            return lambda: None
        return lambda: self._look(run, known)

    def _ids(self) -> set[int]:
        gc.collect()
        return {id(each) for each in self._objgraph.by_type(self._name)}

    def _look(self, run: Run, known: set[int]) -> None:
        try:
            gc.collect()
            fresh = [each for each in self._objgraph.by_type(self._name) if id(each) not in known]
            chain = self._chain(fresh)
            if chain:
                self._tell(run, len(fresh), chain)
        except Exception as error:  # noqa: BLE001 - a full disk, a type whose repr raises: the job is not to blame
            self._failed(run, error)

    def _failed(self, run: Run, error: Exception) -> None:
        self.failed += 1
        log.warning("the memory of job %s can't be drawn (%d times so far): %s", run.job.id, self.failed, error)

    def _chain(self, fresh: list[Any]) -> list[Any]:
        """From a module to the newest object that one keeps; empty: no module keeps any, so they will go."""
        graph = self._objgraph
        ours = {id(fresh), id(sys._getframe()), id(sys._getframe(1)), id(sys._getframe(2))}  # noqa: SLF001
        for each in reversed(fresh[-DEEPEST:]):
            chain: list[Any] = graph.find_backref_chain(each, graph.is_proper_module, DEEPEST, extra_ignore=ours)
            if len(chain) > 1:
                return chain
        return []

    def _tell(self, run: Run, count: int, chain: list[Any]) -> None:
        path = run.job.path
        words = " -> ".join(_word(each) for each in chain)[:LONGEST_CHAIN]
        log.warning("job %s (%s) left %d objects of type %s: %s", run.job.id, path, count, self._name, words)
        self._drawn[path] += 1
        if self._drawn[path] > MOST_PICTURES:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]", "_", f"{path}-{self._name}-{run.job.id}")[:200]
        picture = self._folder / f"{name}.{'png' if shutil.which('dot') else 'dot'}"
        self._objgraph.show_chain(chain, filename=str(picture), shortnames=False)
        log.warning("what keeps them is drawn in %s", picture)


def _word(value: Any) -> str:
    kind = type(value)
    name = getattr(value, "__name__", None)
    return f"{kind.__name__} {name}" if isinstance(name, str) else kind.__name__
