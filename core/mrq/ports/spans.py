"""Spans: jobs as parts of traces, from who queues them to who runs them. No method raises."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.job import ClaimedJob
    from mrq.domain.outcome import Outcome

    Carrier = Mapping[str, str]
    """`traceparent`, and `tracestate` where there is one, as W3C Trace Context has them in headers."""


class RunSpan(Protocol):
    """Of one run, in the fiber that runs it."""

    @property
    def ids(self) -> tuple[str, str]:
        """Trace id and span id, in hexadecimal digits, as lines of logs have them."""
        ...

    def waited(self, kind: str, data: str, seconds: float) -> None:
        """The code that calls this has just waited so long; see `mrq.engine.iotrace.IoWait`."""
        ...

    def end(self, outcome: Outcome | None) -> None:
        """The run is over. None: it is not known how."""
        ...


class Spans(Protocol):
    """See the module."""

    @property
    def failed(self) -> int:
        """How often spans could not be made or exported."""
        ...

    def sending(self, path: str, queue: str, count: int) -> AbstractContextManager[Carrier | None]:
        """Around the queueing of so many jobs; what they are to carry. `path`: "" for payloads of raw queues."""
        ...

    def begin(self, job: ClaimedJob, worker: WorkerId | None) -> RunSpan | None:
        """A job is about to run in this fiber: from here on, what is traced in it belongs to its span."""
        ...

    def sent(self, job: JobId) -> None:
        """Inside of `sending`: the id of the one job."""
        ...

    def flush(self, timeout: float) -> None:
        """Export what there is, within so many seconds."""
        ...


class NoSpans:
    """Nothing is traced."""

    failed = 0

    def sending(self, path: str, queue: str, count: int) -> AbstractContextManager[Carrier | None]:
        """See Spans."""
        return _NOTHING

    def begin(self, job: ClaimedJob, worker: WorkerId | None) -> RunSpan | None:
        """See Spans."""
        return None

    def sent(self, job: JobId) -> None:
        """See Spans."""

    def flush(self, timeout: float) -> None:
        """See Spans."""


_NOTHING: AbstractContextManager[None] = nullcontext()
