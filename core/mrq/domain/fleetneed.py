"""How many container workers a target asks for, by Little's law: jobs in progress = jobs a second x seconds each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mrq.domain.fleetpolicy import TargetKind
from mrq.domain.queuefigures import known

if TYPE_CHECKING:
    from mrq.domain.fleetpolicy import FleetPolicy
    from mrq.domain.queuefigures import QueueFigures

URGENCY = 0.25
"""With the target OLDEST_WAIT, at least this part of the target is always left for what waits: a target that was
missed already asks for four times the fleet, not for an endless one."""

LASTING = 60.0
"""Seconds. What is busy with shorter jobs says nothing: it is free again before a smaller fleet would matter. Of longer
ones all but the part that ends within that time counts, so that there is no edge."""

LEAST = 0.001
"""Containers that waiting jobs need in any case: one that takes a microsecond needs somebody who takes it, too."""

BACK_TO_BURSTS = 0.7
"""Containers are given up for bursts only under this part of `light_load`, so that a load around it doesn't swing."""


def steady_load(policy: FleetPolicy, figures: QueueFigures) -> float:
    """Containers that the arrivals alone keep busy; a fraction. 0 before a run was measured."""
    return figures.arrivals * (figures.mean_run_time or 0.0) / policy.jobs_per_worker


def needed(policy: FleetPolicy, figures: QueueFigures, running: int) -> float:
    """Containers that the target asks for: a fraction, without regard to limits, patience or bursts."""
    load = steady_load(policy, figures)
    steady = load / policy.utilisation
    held = max(busy_for_long(policy, figures, running), LEAST if figures.waiting else 0.0)
    if policy.target.kind is TargetKind.BACKLOG_PER_WORKER:
        return max(steady, held, figures.waiting / policy.target.value)
    run_time, slots = figures.mean_run_time, policy.jobs_per_worker
    busy = _busy(policy, figures, running)
    if run_time is None:
        # A slot for each job, but no more than twice what is there: the first of them will show how long they run.
        return max(held, min(((busy or 0.0) + figures.waiting) / slots, 2.0 * max(running, 1)))
    time_left = _time_left(policy, figures)
    if run_time <= time_left:
        return max(steady, held, load + figures.waiting * run_time / (slots * time_left))
    # Most slots that are busy now stay so until then: what waits, and what comes in meanwhile, needs others.
    stays = (load * slots if busy is None else busy) * (1.0 - time_left / run_time)
    return max(steady, held, (stays + figures.arrivals * time_left + figures.waiting) / slots)


def _busy(policy: FleetPolicy, figures: QueueFigures, running: int) -> float | None:
    """Jobs in progress, in slots that the fleet has: those of containers that were given up are in none."""
    busy = None if figures.in_progress is None else known(float(figures.in_progress))
    return None if busy is None else min(busy, float(running * policy.jobs_per_worker))


def busy_for_long(policy: FleetPolicy, figures: QueueFigures, running: int) -> float:
    """Containers, of those that run, that long jobs keep busy: to give them up saves nothing before these have ended.
    All that is busy, as long as no run was measured; never a reason for more containers."""
    busy = (_busy(policy, figures, running) or 0.0) / policy.jobs_per_worker
    run_time = figures.mean_run_time
    if run_time is None:
        return busy
    return busy * max(0.0, 1.0 - LASTING / run_time) if run_time else 0.0


def _time_left(policy: FleetPolicy, figures: QueueFigures) -> float:
    """Seconds within which all that waits is to start."""
    target = policy.target.value
    if policy.target.kind is TargetKind.OLDEST_WAIT:
        return max(target - (known(figures.oldest_wait) or 0.0), target * URGENCY)
    return target


def fit_for_bursts(policy: FleetPolicy, figures: QueueFigures) -> int:
    """Waiting jobs that a burst may take."""
    if not policy.max_bursts:
        return 0
    if figures.containers_only is not None:
        return max(figures.waiting - figures.containers_only, 0)
    return 0 if (figures.p99_run_time or 0.0) > policy.longest_burst_job else figures.waiting


def bursts_suffice(policy: FleetPolicy, figures: QueueFigures, running: int) -> bool:
    """Whether bursts, with the containers that run, do what waits before a new container would have started."""
    if not policy.max_bursts or fit_for_bursts(policy, figures) < figures.waiting:
        return False
    if not figures.waiting and (figures.p99_run_time or 0.0) > policy.longest_burst_job:
        return False  # what comes next would not fit
    if (known(figures.oldest_wait) or 0.0) > 2 * policy.start_up:
        return False  # by now it should have been done
    slots = running * policy.jobs_per_worker + policy.max_bursts * policy.jobs_per_burst
    run_time = figures.mean_run_time
    if run_time is None:
        return figures.waiting <= slots
    spare = slots - figures.arrivals * run_time
    return spare > 0 and figures.waiting * run_time <= spare * policy.start_up


def light(policy: FleetPolicy, figures: QueueFigures, wanted: int) -> bool:
    """Whether the load is too light for keeping a container, where bursts could do it.

    Jobs that come in by chance are in progress for the part 1 - exp(-jobs in progress) of the time.
    """
    limit = policy.light_load * (BACK_TO_BURSTS if wanted else 1.0)
    in_progress = figures.arrivals * (figures.mean_run_time or 0.0)
    return policy.min_workers == 0 and 1.0 - math.exp(-in_progress) < limit
