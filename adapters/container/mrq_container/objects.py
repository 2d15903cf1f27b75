"""`--trace_memory_type`: which objects of a type a job leaves behind, and what keeps them, as a picture."""

from __future__ import annotations

import gc
import logging
import re
import shutil
import subprocess
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
LONGEST_DRAWING = 20.0  # seconds; the job waits meanwhile


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
        words = _words(chain)[:LONGEST_CHAIN]
        log.warning("job %s (%s) left %d objects of type %s: %s", run.job.id, path, count, self._name, words)
        self._drawn[path] += 1
        if self._drawn[path] > MOST_PICTURES:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]", "_", f"{path}-{self._name}-{run.job.id}")[:200]
        source = self._folder / f"{name}.dot"
        with source.open("w", encoding="utf-8") as file:
            self._objgraph.show_chain(chain, output=file, shortnames=False)
        log.warning("what keeps them is drawn in %s", _drawn(source))


def _drawn(source: Path) -> str:
    """Where the picture is, which takes the place of its source; or the source, and what to do with it."""
    dot, picture = shutil.which("dot"), source.with_suffix(".png")
    if dot is None:
        return f"{source}; Graphviz isn't installed here, where it is, make a picture of it: dot -Tpng -O {source.name}"
    command = [dot, "-Tpng", "-o", str(picture), str(source)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=LONGEST_DRAWING)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()[:LONGEST_CHAIN]
        picture.unlink(missing_ok=True)
        return f"{source}; Graphviz made no picture of it: {error} {said}".rstrip()
    source.unlink()
    return str(picture)


def _words(chain: list[Any]) -> str:
    """From the module on, the second being its names."""
    words = [_word(each) for each in chain]
    names = vars(chain[0])
    if len(chain) > 2 and chain[1] is names:
        held = next((name for name, value in names.items() if value is chain[2]), None)
        if held is not None and not words[2].endswith(f" {held}"):
            words[2] = f"{words[2]} {held}"
    return " -> ".join(words)


def _word(value: Any) -> str:
    kind = type(value)
    name = getattr(value, "__name__", None)
    return f"{kind.__name__} {name}" if isinstance(name, str) else kind.__name__
