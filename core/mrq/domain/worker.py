"""A worker as the database knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import WorkerId


class WorkerStatus(StrEnum):
    """What a worker is doing. The names but the last are MRQ 0.9's."""

    INIT = "init"  # connecting
    STARTED = "started"
    SPAWN = "spawn"  # looking for jobs
    WAIT = "wait"  # found none
    FULL = "full"  # all its greenlets are busy
    JOIN = "join"  # stopping: lets running jobs finish
    KILLING = "killing"  # stopping: interrupts them
    KILL = "kill"
    STOP = "stop"  # gone, of its own will
    LOST = "lost"  # taken for dead by another worker


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker when it appears. `lease`: seconds its heartbeat may stand still before it is taken for dead."""

    id: WorkerId
    name: str
    datestarted: datetime
    lease: float
    config: Mapping[str, Any] = field(default_factory=dict)
    deadline: datetime | None = None
