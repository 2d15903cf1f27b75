"""Fleet sizing: from queue figures and the fleet as it is to the fleet that is wanted.

Pure: the caller measures, keeps the memory between two calls, and carries out what is decided. Calling again with the
memory of the last answer and nothing else changed gives the same fleet, so two dispatchers at once do no harm.
"""

from __future__ import annotations

import math
from dataclasses import asdict, astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from mrq.domain.fleetneed import bursts_suffice, fit_for_bursts, light, needed, steady_load
from mrq.domain.fleetwords import Notes, in_words
from mrq.domain.plain import from_plain
from mrq.domain.queuefigures import RunTimes, known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.domain.fleetpolicy import FleetPolicy
    from mrq.domain.queuefigures import QueueFigures

MARGIN = 1.1
"""A smaller fleet is wanted only if it would do for this much more load."""

LONGEST_PATIENCE = 3600.0
"""Seconds up to which patience grows with the run time of jobs: the figures of a smaller fleet show only after one."""

UNMEASURED = 3600.0
"""Seconds that jobs in progress may take which have never been measured before their queue counts as dead: the time-out
of jobs that state none."""

BURST_START = 10.0
"""Seconds for which a burst that was asked for counts as running, although it isn't seen yet."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Consumers of a group now: containers that take jobs (without those that only finish theirs), containers that
    start, bursts; and when the bursts began that have ended already, as far as it is no longer ago than BURST_START."""

    running: int = 0
    starting: int = 0
    bursts: int = 0
    ended: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetMemory:
    """What a decision leaves for the next one; kept by the caller as it is. Times are seconds on the caller's clock.

    `wanted`: containers that were wanted. `low_since`, `peak`: since when fewer would do, and the most of them since.
    `heavy_since`: since when the load is too heavy for bursts alone. `stalled_since`: since when nothing ends although
    jobs wait. `bursts_asked`, `bursts_asked_at`: the last bursts. `run_time`: the last that was measured; long jobs may
    not end for long.
    """

    wanted: int | None = None
    low_since: float | None = None
    peak: int = 0
    heavy_since: float | None = None
    stalled_since: float | None = None
    bursts_asked: int = 0
    bursts_asked_at: float | None = None
    run_time: RunTimes | None = None

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> FleetMemory:
        """Read what `as_dict` gives.

        Raises:
            ConfigError: it has an unknown key.
        """
        if run_time := given.get("run_time"):
            given = {**given, "run_time": from_plain(RunTimes, run_time, "fleet memory: run_time")}
        return from_plain(cls, given, "fleet memory")

    def as_dict(self) -> dict[str, Any]:
        """Numbers, None and one dict, as MongoDB and JSON store them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Decision:
    """The fleet that is wanted: containers in all, bursts to start now in addition to those that run, and why."""

    containers: int
    bursts: int
    reason: str
    memory: FleetMemory


def decide(
    policy: FleetPolicy, figures: QueueFigures, fleet: Fleet, memory: FleetMemory | None = None, now: float = 0.0
) -> Decision:
    """Size a fleet.

    Args:
        memory: that of the last decision; None at first.
        now: seconds on any clock that goes on between calls, such as those since 1970.
    """
    memory = memory or FleetMemory()
    run_time = _last_measured(figures, memory)
    figures, memory = replace(figures, run_time=run_time), replace(memory, run_time=run_time)
    before = _within(policy, fleet.running + fleet.starting if memory.wanted is None else memory.wanted)
    memory = replace(memory, wanted=before, stalled_since=_stalled_since(figures, fleet, memory, now))
    dead = _is_dead(policy, figures, memory, now)
    need = needed(policy, figures, fleet.running)
    notes = Notes(before=before, need=need, dead=dead)
    if dead:
        return _probe(policy, figures, fleet, memory, now, notes)
    memory = replace(memory, heavy_since=_heavy_since(policy, figures, memory, now))
    left = _left_to_bursts(policy, figures, fleet, memory, now)
    notes = replace(notes, left_to_bursts=left is not None)
    share = need if left is None else min(need, left)
    memory = _with_patience(policy, share, memory, _patience(policy, figures), now)
    asked = _bursts(policy, figures, fleet, memory, need, now)
    return _decision(policy, figures, memory, asked, now, notes)


def _last_measured(figures: QueueFigures, memory: FleetMemory) -> RunTimes | None:
    measured = figures.run_time
    usable = measured is not None and all(known(each) is not None for each in astuple(measured))
    return measured if usable else memory.run_time


def _patience(policy: FleetPolicy, figures: QueueFigures) -> float:
    """Seconds for which a larger fleet is to be unneeded: at least a run time, unless no patience is wanted."""
    least = policy.scale_in_patience
    return max(least, min(figures.mean_run_time or 0.0, LONGEST_PATIENCE)) if least else 0.0


def _within(policy: FleetPolicy, containers: int) -> int:
    return min(max(containers, policy.min_workers), policy.max_workers)


def _whole(need: float) -> int:
    return math.ceil(round(need, 6))


def _heavy_since(policy: FleetPolicy, figures: QueueFigures, memory: FleetMemory, now: float) -> float | None:
    """Since when the load is too heavy for bursts alone, while no container is there; chance is not to start one."""
    if memory.wanted or light(policy, figures, 0):
        return None
    return now if memory.heavy_since is None else memory.heavy_since


def _left_to_bursts(
    policy: FleetPolicy, figures: QueueFigures, fleet: Fleet, memory: FleetMemory, now: float
) -> int | None:
    """The most containers to have where bursts do the rest; None: bursts alone are not enough."""
    before = memory.wanted or 0
    if not bursts_suffice(policy, figures, fleet.running):
        return None
    if light(policy, figures, before):
        return 0
    if memory.heavy_since is not None and now - memory.heavy_since < policy.scale_in_patience:
        return 0
    return before if steady_load(policy, figures) / policy.utilisation <= before else None


def _with_patience(policy: FleetPolicy, need: float, memory: FleetMemory, patience: float, now: float) -> FleetMemory:
    """More containers at once; fewer only after the most that were needed meanwhile are fewer still."""
    before = memory.wanted or 0
    more, fewer = _within(policy, _whole(need)), _within(policy, _whole(need * MARGIN))
    if more >= before or fewer >= before:
        return replace(memory, wanted=max(more, before), low_since=None, peak=0)
    since = now if memory.low_since is None else memory.low_since
    peak = max(fewer, min(memory.peak, before)) if patience else fewer
    if now - since < patience:
        return replace(memory, low_since=since, peak=peak)
    return replace(memory, wanted=peak, low_since=None, peak=0)


def _active_bursts(fleet: Fleet, memory: FleetMemory, now: float) -> int:
    asked_at = memory.bursts_asked_at
    if asked_at is None or not 0 <= now - asked_at < BURST_START:
        return fleet.bursts
    have_been = sum(began >= asked_at for began in fleet.ended)
    return max(fleet.bursts, memory.bursts_asked - have_been)


def _bursts(
    policy: FleetPolicy, figures: QueueFigures, fleet: Fleet, memory: FleetMemory, need: float, now: float
) -> tuple[int, int]:
    """Bursts that are active, and those to start: for the slots that are needed and that no container has yet."""
    active = _active_bursts(fleet, memory, now)
    gap = (need - fleet.running) * policy.jobs_per_worker
    wanted = min(_whole(gap / policy.jobs_per_burst), policy.max_bursts)
    useful = math.ceil(fit_for_bursts(policy, figures) / policy.jobs_per_burst)
    unseen = active - fleet.bursts  # they will take of what waits
    return active, max(min(wanted - active, useful - unseen), 0)


def _stalled_since(figures: QueueFigures, fleet: Fleet, memory: FleetMemory, now: float) -> float | None:
    if not figures.waiting or known(figures.completions_per_s) != 0:
        return None
    if memory.stalled_since is None and not fleet.running + fleet.bursts:
        return None  # nobody is there who could have done anything
    return now if memory.stalled_since is None else memory.stalled_since


def _is_dead(policy: FleetPolicy, figures: QueueFigures, memory: FleetMemory, now: float) -> bool:
    longest = figures.p99_run_time
    if longest is None:
        longest = UNMEASURED / 2 if figures.in_progress else 0.0
    allowed = max(policy.stall_after, 2 * longest)
    return memory.stalled_since is not None and now - memory.stalled_since >= allowed


def _probe(
    policy: FleetPolicy, figures: QueueFigures, fleet: Fleet, memory: FleetMemory, now: float, notes: Notes
) -> Decision:
    """One consumer to find out whether a dead queue lives again: a container where they are allowed, else a burst."""
    memory = replace(memory, wanted=_within(policy, 1 if policy.min_workers == 0 else 0), low_since=None, peak=0)
    active = _active_bursts(fleet, memory, now)
    return _decision(policy, figures, memory, (active, 0 if policy.max_workers or active else 1), now, notes)


def _decision(
    policy: FleetPolicy,
    figures: QueueFigures,
    memory: FleetMemory,
    bursts: tuple[int, int],
    now: float,
    notes: Notes,
) -> Decision:
    active, start = bursts
    if start:
        memory = replace(memory, bursts_asked=active + start, bursts_asked_at=now)
    wanted = memory.wanted or 0
    patience = None if memory.low_since is None else _patience(policy, figures) - (now - memory.low_since)
    stalled = None if memory.stalled_since is None else now - memory.stalled_since
    notes = replace(notes, after=wanted, bursts=start, patience=patience, stalled=stalled)
    return Decision(wanted, start, in_words(policy, figures, notes), memory)
