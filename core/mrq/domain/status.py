"""The statuses of a job and the moves between them.

The names are MRQ 0.9's and stand in every job document.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Status(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  # waits to be claimed, now or from its due time on
    STARTED = "started"  # claimed by a worker, under a lease
    SUCCESS = "success"  # its task returned
    FAILED = "failed"  # its task raised, or its workers died too often
    CANCEL = "cancel"  # somebody called it off
    ABORT = "abort"  # it gave up on purpose
    INTERRUPT = "interrupt"  # its worker had to stop before it had finished
    TIMEOUT = "timeout"  # it ran longer than allowed
    RETRY = "retry"  # it waits for another try
    MAXRETRIES = "maxretries"  # it asked for one try too many
    MAXCONCURRENCY = "maxconcurrency"  # too many of its kind were running


FINAL: Final = frozenset(
    {
        Status.SUCCESS,
        Status.FAILED,
        Status.CANCEL,
        Status.ABORT,
        Status.INTERRUPT,
        Status.TIMEOUT,
        Status.RETRY,
        Status.MAXRETRIES,
        Status.MAXCONCURRENCY,
    }
)
"""Statuses in which nothing is running and nothing will start without somebody's doing."""

SETTLED: Final = FINAL - {Status.RETRY, Status.INTERRUPT}
"""Final for good: `retry` and `interrupt` jobs return to their queue by themselves."""

_ENDS_OF_A_RUN = FINAL - {Status.CANCEL}
_AGAIN = frozenset({Status.QUEUED, Status.STARTED, Status.CANCEL})

MOVES: Final[Mapping[Status, frozenset[Status]]] = MappingProxyType(
    {
        Status.QUEUED: _AGAIN,
        # QUEUED: retried without a delay, handed back by its worker, or rescued from a dead one
        Status.STARTED: _ENDS_OF_A_RUN | {Status.QUEUED, Status.CANCEL},
        **dict.fromkeys(FINAL, _AGAIN),
    }
)
"""Every allowed move. From a final status only cancel, queued and started may follow (MRQ 0.9)."""


def may_move(old: Status, new: Status) -> bool:
    """Whether a job may go from one status to another."""
    return new in MOVES[old]


def sources_of(new: Status) -> frozenset[Status]:
    """The statuses from which a job may reach this one."""
    return frozenset(old for old, allowed in MOVES.items() if new in allowed)
