"""The reason of a sizing decision, in a sentence that a dashboard can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.fleetpolicy import TargetKind
from mrq.domain.words import many

if TYPE_CHECKING:
    from mrq.domain.fleetpolicy import FleetPolicy, Target
    from mrq.domain.queuefigures import QueueFigures


@dataclass(frozen=True, slots=True)
class Notes:
    """What was found on the way to a decision. `patience`: seconds until scale-in; `stalled`: without an end."""

    before: int
    need: float
    dead: bool = False
    left_to_bursts: bool = False
    after: int = 0
    bursts: int = 0
    patience: float | None = None
    stalled: float | None = None


def in_words(policy: FleetPolicy, figures: QueueFigures, notes: Notes) -> str:
    """Say what is wanted, why, and which limit held it."""
    parts = [_move(notes), _seen(figures)]
    if notes.dead:
        parts.append(
            f"nothing ended for {notes.stalled or 0:,.0f} s although consumers run: the queue counts as dead until "
            "a job ends; look at its workers' logs"
        )
        return "; ".join(parts)
    parts.append(f"{_round(notes.need)} needed {_aim(policy.target)}")
    if notes.need > policy.max_workers and not notes.left_to_bursts:
        parts.append(f"held at max_workers {policy.max_workers}")
    elif notes.need < policy.min_workers:
        parts.append(f"held at min_workers {policy.min_workers}")
    if figures.containers_only and not policy.max_workers:
        parts.append(
            f"no burst takes {many(figures.containers_only, 'job')}, and there are no containers: max_workers is 0"
        )
    if notes.patience is not None:
        parts.append(f"fewer would do, scale-in in {max(notes.patience, 0):,.0f} s at the earliest")
    if notes.bursts:
        cover = "bursts suffice" if notes.left_to_bursts else "to cover what containers don't yet"
        parts.append(f"{many(notes.bursts, 'burst')} started, {cover}")
    return "; ".join(parts)


def _move(notes: Notes) -> str:
    if notes.after == notes.before:
        return f"stay at {many(notes.after, 'container')}"
    return f"from {notes.before:,} to {many(notes.after, 'container')}"


def _seen(figures: QueueFigures) -> str:
    run_time = figures.mean_run_time
    each = "run time not measured yet" if run_time is None else f"{run_time:,.3g} s each"
    busy = "" if figures.in_progress is None else f"{figures.in_progress:,} running, "
    return f"{figures.waiting:,} waiting, {busy}{figures.arrivals:,.3g} a second come in, {each}"


def _aim(target: Target) -> str:
    if target.kind is TargetKind.BACKLOG_PER_WORKER:
        return f"for {target.value:,g} waiting jobs a worker"
    if target.kind is TargetKind.SECONDS_UNTIL_EMPTY:
        return f"for all to start within {target.value:,g} s"
    return f"for no job to wait over {target.value:,g} s"


def _round(need: float) -> str:
    return f"{need:,.0f}" if need >= 100 else f"{need:,.2g}"
