"""What a guard does about its worker, decided from what it sees. No clock and no process in here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mrq_container.board import Entry, Header

HUB_STUCK = 2.0  # seconds without a turn of its loops: some job does not yield
NUDGE_AFTER = 1.0  # seconds past a job's deadline until its worker is told by a signal
KILL_AFTER = 5.0  # seconds past the deadline until a worker that doesn't feel the signal is killed
LAST_RESORT = 60.0  # seconds past the deadline of a job that ends for nothing, in a worker whose loops turn
UNSEEN = 5.0  # seconds without a look, after which a guard can't know whether its worker could run meanwhile
IDLE_STUCK = 120.0  # seconds without a turn of its loops, and no job to blame


class Act(Enum):
    """What to do now."""

    NOTHING = auto()
    STAND_IN = auto()  # write the heartbeat in the worker's place
    STAND_BACK = auto()  # it writes its own again, or must not be covered for
    NUDGE = auto()  # have it look at its time-outs
    KILL = auto()  # it will never yield again


@dataclass(frozen=True, slots=True)
class View:
    """What a guard sees at one moment.

    `stopped`: the worker's process is suspended (SIGSTOP, a debugger). `told`: when it was told to end at once.
    `runs_since`: it was last seen suspended then, or not looked at for long; what it did not do before says nothing.
    """

    header: Header
    entries: list[Entry]
    stopped: bool
    now: float
    told: float = float("inf")
    runs_since: float = 0.0


def verdict(view: View) -> list[Act]:
    """What to do about a worker."""
    header, now = view.header, view.now
    if not header.ready or header.finishing:
        return [Act.STAND_BACK]
    if view.stopped:
        # Whoever suspends a worker must see its jobs go to others: no heartbeat for it.
        return [Act.STAND_BACK]
    acts = [Act.STAND_IN if now - header.beat > 1.5 * header.interval else Act.STAND_BACK]
    overdue = max((now - max(entry.deadline, view.runs_since) for entry in view.entries), default=-1.0)
    silent = now - max(header.alive, view.runs_since)
    if silent <= HUB_STUCK:
        if overdue > LAST_RESORT:
            acts.append(Act.KILL)
    elif overdue > KILL_AFTER and now - header.signalled > KILL_AFTER:
        acts.append(Act.KILL)  # native code holds the interpreter: not even the signal is felt
    elif now - max(view.told, view.runs_since) > KILL_AFTER:
        acts.append(Act.KILL)  # it has not even heard that it is to end
    elif overdue > NUDGE_AFTER:
        acts.append(Act.NUDGE)
    elif not view.entries and silent > IDLE_STUCK:
        acts.append(Act.KILL)
    return acts
