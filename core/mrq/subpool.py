"""Run one function over many items side by side, inside a job or outside of one.

In a worker of mrq_container the items run in greenlets, elsewhere in threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from mrq.app import get_app
from mrq.engine.subpools import Subpool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["subpool_imap", "subpool_map"]

T = TypeVar("T")
R = TypeVar("R")

READ_AHEAD = 1000  # items that an ordered sub-pool may be ahead of its consumer, if nothing else is said


def subpool_map(pool_size: int | None, func: Callable[[T], R], iterable: Iterable[T]) -> list[R]:
    """Call `func` with each item, at most `pool_size` at the same time; what they returned, in order.

    0 or None: one after the other, here. What a call or the iterable raises is raised here, that of the
    earliest item first; the other calls are interrupted then, as they are when the job ends.
    """
    size = _checked(pool_size)
    if not size:
        return [func(item) for item in iterable]
    return list(Subpool(get_app().runtime, size, func, iterable).results())


def subpool_imap(
    pool_size: int | None,
    func: Callable[[T], Any],
    iterable: Iterable[T],
    flatten: bool = False,
    unordered: bool = False,
    buffer_size: int | None = None,
) -> Iterator[Any]:
    """`subpool_map` as a generator: results come while later items run.

    flatten:     the results are iterables themselves; yield their elements
    unordered:   yield results as they are ready, not in the order of the items
    buffer_size: how many items may be running, or done and not yet consumed; default: `pool_size` if
                 unordered, else 1000

    Nothing runs before the first result is asked for. Closing the generator, or leaving its loop, interrupts
    what still runs.
    """
    size = _checked(pool_size)
    if buffer_size is not None and buffer_size < 1:
        raise ValueError(f"buffer_size is a number of items, 1 or more, not {buffer_size!r}")
    return _results(size, func, iterable, flatten, unordered, buffer_size)


def _results(
    size: int,
    func: Callable[[T], Any],
    iterable: Iterable[T],
    flatten: bool,
    unordered: bool,
    buffer_size: int | None,
) -> Iterator[Any]:
    if size:
        ahead = buffer_size or (size if unordered else max(size, READ_AHEAD))
        results = Subpool(get_app().runtime, size, func, iterable, ordered=not unordered, ahead=ahead).results()
    else:
        results = map(func, iterable)
    if not flatten:
        yield from results
        return
    for elements in results:
        yield from elements


def _checked(pool_size: int | None) -> int:
    if pool_size is None:
        return 0
    if pool_size < 0:
        raise ValueError(f"pool_size is a number of fibers, 0 or more, not {pool_size!r}")
    return pool_size
