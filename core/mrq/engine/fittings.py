"""What an adapter adds to a worker beside its runtime and its guard. All of it may be left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mrq.domain.exposition import Totals
    from mrq.domain.outcome import Outcome
    from mrq.domain.task import Task
    from mrq.engine.iotrace import IoTrace
    from mrq.engine.logs import LogWriter
    from mrq.engine.run import Run
    from mrq.ports.tracing import RunTrace


@dataclass(frozen=True, slots=True)
class Fittings:
    """See each."""

    logs: LogWriter | None = None
    """Writes the lines of jobs."""
    perform: Callable[[Run], tuple[Outcome, Task | None]] | None = None
    """Runs a job in place of `mrq.engine.execute.execute`; must not raise."""
    process: Callable[[bool], Mapping[str, Any]] | None = None
    """What the report says of the process: pid, cpu, mem. True: measure them, else they are 0."""
    memory: Callable[[], int] | None = None
    """Bytes that the process uses, for max_memory."""
    watch: Callable[[Run], Callable[[], None]] | None = None
    """Called before each task; what it returns is called after it. Must not raise."""
    trace: Callable[[], RunTrace] | None = None
    """Gives each run the trace of what it uses of the processor."""
    profile: Callable[[float], str] | None = None
    """Begins a profile of so many seconds, and says so in words; its end is not waited for."""
    io: IoTrace | None = None
    """What jobs wait for."""
    totals: Totals | None = None
    """Counts the ends of runs, for metrics."""
    reported: Callable[[Mapping[str, Any]], None] | None = None
    """Told each report that was made, with its `_id`; must not raise."""
