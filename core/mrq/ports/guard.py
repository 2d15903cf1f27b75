"""Guard: who watches a worker from outside its interpreter, and what the worker tells it.

The calls are made for every job, so they must be cheap and never block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mrq.domain.ids import JobId, Token, WorkerId


class Guard(Protocol):
    """What a worker tells the process that watches it."""

    def identity(self, worker: WorkerId) -> None:
        """The worker acts under this identity from now on."""
        ...

    def beat(self) -> None:
        """The worker has just written its own heartbeat."""
        ...

    def alive(self) -> None:
        """The worker's loops turn."""
        ...

    def enter(self, job: JobId, token: Token | None, deadline: float | None) -> int:
        """A job starts to run and may until `deadline` (monotonic seconds; None: for ever). Returns a slot."""
        ...

    def leave(self, slot: int) -> None:
        """The job in this slot has ended and its outcome is known."""
        ...

    def finishing(self, exit_code: int, *, replace: bool) -> None:
        """The process is about to end on purpose; `replace`: and wants a successor."""
        ...


class NoGuard:
    """Nobody watches: tests, Lambda invocations (the platform ends those), embedded workers."""

    def identity(self, worker: WorkerId) -> None:
        """See Guard."""

    def beat(self) -> None:
        """See Guard."""

    def alive(self) -> None:
        """See Guard."""

    def enter(self, job: JobId, token: Token | None, deadline: float | None) -> int:
        """See Guard."""
        return 0

    def leave(self, slot: int) -> None:
        """See Guard."""

    def finishing(self, exit_code: int, *, replace: bool) -> None:
        """See Guard."""
