"""Runs a task many times in this process and says which lines made what is still there afterwards."""

import json
import sys
import tracemalloc
from collections.abc import Callable

from mrq.context import run_task


def what_stays(run: Callable[[], object], times: int = 20) -> list[str]:
    """Lines by the memory that they made and that is still held, the largest first."""
    run()  # imports, caches
    tracemalloc.start(10)
    before = tracemalloc.take_snapshot()
    for _ in range(times):
        run()
    grown = tracemalloc.take_snapshot().compare_to(before, "lineno")
    tracemalloc.stop()
    return [f"{each.traceback}: {each.size_diff / times:,.0f} bytes a run" for each in grown[:5]]


if __name__ == "__main__":
    path, params = sys.argv[1], json.loads(sys.argv[2])
    print(*what_stays(lambda: run_task(path, params)), sep="\n")
