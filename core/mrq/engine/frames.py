"""Which part of a stack is the task's. What stands before it is how a worker calls any task, and helps nobody."""

from __future__ import annotations

import importlib
import os
import sysconfig
import traceback
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mrq.domain.fingerprint import MOST_FRAMES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

_PACKAGE = Path(__file__).parents[1]
_CALLERS = frozenset(
    str(_PACKAGE / name)
    for name in ("engine/execute.py", "engine/tasks.py", "domain/task.py", "job_saving.py", "task.py")
) | {importlib.__file__}
_LIBRARIES = (
    str(_PACKAGE) + os.sep,
    *{path + os.sep for name, path in sysconfig.get_paths().items() if name in ("stdlib", "platstdlib", "purelib")},
)
EXECUTE_FILE = str(_PACKAGE / "engine/execute.py")


def calls_tasks(filename: str) -> bool:
    """Whether code of this file stands between a worker and its tasks: it runs them, or imports them."""
    return filename in _CALLERS or filename.startswith("<frozen importlib")


def of_task(step: TracebackType | None) -> TracebackType | None:
    """A traceback from the task's first frame on; None if it has none."""
    while step is not None and calls_tasks(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    return step


def own_frames(step: TracebackType | None) -> tuple[str, ...]:
    """The frames of a traceback that are the user's own code, as "module:function", outermost first; of all its frames
    the last ones where none is."""
    step = of_task(step)
    own: deque[str] = deque(maxlen=MOST_FRAMES)
    others: deque[str] = deque(maxlen=3)
    while step is not None:
        code = step.tb_frame.f_code
        name = f"{step.tb_frame.f_globals.get('__name__', '')}:{code.co_qualname}"
        (own if is_own(code.co_filename) else others).append(name)
        step = step.tb_next
    return tuple(own or others)


@lru_cache(maxsize=4096)
def is_own(filename: str) -> bool:
    """Whether a file is the user's: no library, neither an installed one nor Python's own, and not MRQ."""
    return not filename.startswith(_LIBRARIES) and "/site-packages/" not in filename and filename[:1] != "<"


def stack_of_task(stack: Iterable[traceback.FrameSummary]) -> str:
    """The task's part of a fiber's stack, as text. Frames up to those of `execute` are the worker's."""
    frames = list(stack)
    start = max((i + 1 for i, frame in enumerate(frames) if frame.filename == EXECUTE_FILE), default=0)
    while start < len(frames) and calls_tasks(frames[start].filename):
        start += 1
    return "".join(traceback.format_list(frames[start:]))


def traceback_text(stack: str, exc: BaseException) -> str:
    """What Python would print had this exception been raised there."""
    header = "Traceback (most recent call last):\n" if stack else ""
    return header + stack + "".join(traceback.format_exception_only(exc))
