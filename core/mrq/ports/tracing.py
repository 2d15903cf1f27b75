"""Tracing of runs: what each uses of the processor it shares with others. An adapter brings it with its runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mrq.domain.usage import Usage


class RunTrace(Protocol):
    """Of one run. No method raises."""

    def enter(self) -> None:
        """From here on the time of the fiber that calls this counts for the run."""
        ...

    def leave(self) -> None:
        """Until here. Nothing happens in a fiber that has not entered."""
        ...

    def usage(self) -> Usage:
        """What was used up to the last switch."""
        ...
