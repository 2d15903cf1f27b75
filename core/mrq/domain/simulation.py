"""A day of a fleet, second by second, under a load and a policy. Pure, and the same for the same seed.

The decisions are those of `mrq.domain.fleet`, from figures measured over the same times as those of a real queue
(`mrq.domain.queuefigures`). Simplified: free slots are shared freely within a container and between containers;
containers take jobs before bursts do; a container that is given up finishes its jobs and is paid until then; figures
are there at once, where those of workers are up to a report old.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from mrq.domain.fleet import Decision, Fleet, FleetMemory, decide
from mrq.domain.fleetpolicy import LONGEST_BURST
from mrq.domain.plain import check_number
from mrq.domain.queuefigures import QueueFigures
from mrq.domain.simulatedfigures import Meter
from mrq.domain.simulatedjobs import Lengths, Line, Slots
from mrq.domain.simulationresult import Change, Minute, Result

if TYPE_CHECKING:
    from mrq.domain.fleetpolicy import FleetPolicy
    from mrq.domain.load import Load

WAKE_UP = 10  # seconds between two wake-ups of an idle group


@dataclass(frozen=True, slots=True)
class World:
    """What a simulation stands on besides load and policy. Times in seconds, money in US dollars.

    `job_seconds`: the mean run time; `spread`: its 99th percentile as a multiple of its median. `look_every`: time
    between two decisions; a job that comes into an idle group causes one at once. `burst_start`: until a burst takes
    jobs; paid too. `container_second`, `burst_second`, `burst_request`: prices.
    """

    job_seconds: float = 1.0
    spread: float = 3.0
    look_every: int = 60
    burst_start: int = 1
    container_second: float = 0.0
    burst_second: float = 0.0
    burst_request: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse wrong values."""
        check_number("job_seconds", self.job_seconds, 0.001, 86_400)
        check_number("spread", self.spread, 1, 100)
        check_number("look_every", self.look_every, 1, 3600, whole=True)
        check_number("burst_start", self.burst_start, 0, 60, whole=True)
        check_number("container_second", self.container_second, 0)
        check_number("burst_second", self.burst_second, 0)
        check_number("burst_request", self.burst_request, 0)


def simulate(load: Load, policy: FleetPolicy, world: World | None = None) -> Result:
    """Run a load through a fleet.

    Raises:
        ConfigError: a value of the load doesn't fit.
    """
    world = world or World()
    chance = Random(world.seed)  # noqa: S311 - a simulation
    run = _Run(policy, world, Lengths(world.job_seconds, world.spread, chance))
    for second, jobs in enumerate(load.arrivals(chance)):
        run.step(second, jobs, load.is_dead(second))
    return run.result(load)


class _Run:
    """The state of a simulation."""

    def __init__(self, policy: FleetPolicy, world: World, lengths: Lengths) -> None:
        self.policy, self.world, self.lengths = policy, world, lengths
        self.short, self.long = Line(), Line()  # those that a burst takes, and the others
        self.slots, self.burst_slots = Slots(), Slots()
        self.running, self.starting = policy.min_workers, deque[int]()
        self.bursts = deque[int]()  # when each started
        self.memory = FleetMemory()
        self.meter = Meter()
        self.waits: Counter[int] = Counter()
        self.changes: list[Change] = []
        self.minutes: list[Minute] = []
        self.last_wake_up = -WAKE_UP
        self.burst_starts = 0
        self.minute = Minute()

    def step(self, now: int, jobs: int, dead: bool) -> None:
        """One second."""
        while self.starting and self.starting[0] <= now:
            self.starting.popleft()
            self.running += 1
        self.meter.count(now, jobs, self._work(now, jobs, dead))
        if now % self.world.look_every == 0 or self._wakes(now):
            self._decide(now)
        self._count(now, jobs)

    def _work(self, now: int, jobs: int, dead: bool) -> Counter[float]:
        if jobs:
            for length, count in self.lengths.deal(jobs).items():
                line = self.short if length <= self.policy.longest_burst_job else self.long
                line.add(now, length, count)
        ended = self.slots.open(now, self.running * self.policy.jobs_per_worker)
        ended += self.burst_slots.open(now, self._ready_bursts(now) * self.policy.jobs_per_burst)
        if dead:
            return Counter()
        self._start_all(now)
        return ended

    def _start_all(self, now: int) -> None:
        while self._start(self.slots, self._older(), now):
            pass
        while self._start(self.burst_slots, self.short, now):
            pass
        self._end_bursts(now)

    def _older(self) -> Line:
        short, long = self.short.oldest(), self.long.oldest()
        return self.long if long is not None and (short is None or long < short) else self.short

    def _start(self, slots: Slots, line: Line, now: int) -> int:
        came, count = slots.start(line, now)
        if count:
            self.waits[now - came] += count
        return count

    def _oldest(self) -> float | None:
        """When the job came in that waits longest."""
        return self._older().oldest()

    def _ready_bursts(self, now: int) -> int:
        while self.bursts and now - self.bursts[0] >= LONGEST_BURST:
            self.bursts.popleft()
        return sum(1 for started in self.bursts if now - started >= self.world.burst_start)

    def _end_bursts(self, now: int) -> None:
        """Bursts end when nothing waits that they could take, and their jobs are done."""
        if self.short.size:
            return
        used = math.ceil(self.burst_slots.busy / self.policy.jobs_per_burst)
        while len(self.bursts) > used and now - self.bursts[0] >= self.world.burst_start:
            self.bursts.popleft()

    def _wakes(self, now: int) -> bool:
        idle = not (self.running or self.starting or self.bursts)
        if not idle or not self.short.size + self.long.size or now - self.last_wake_up < WAKE_UP:
            return False
        self.last_wake_up = now
        return True

    def _decide(self, now: int) -> None:
        fleet = Fleet(self.running, len(self.starting), len(self.bursts))
        decision = decide(self.policy, self._figures(now), fleet, self.memory, float(now))
        self.memory = decision.memory
        self._carry_out(decision, now)

    def _figures(self, now: int) -> QueueFigures:
        oldest = self._oldest()
        measured = self.meter.read()
        return QueueFigures(
            waiting=self.short.size + self.long.size,
            arrivals_per_s=measured.arrivals_per_s,
            completions_per_s=measured.completions_per_s,
            oldest_wait=None if oldest is None else now - oldest,
            run_time=measured.run_time,
            containers_only=self.long.size,
            in_progress=self.slots.busy + self.burst_slots.busy,
        )

    def _carry_out(self, decision: Decision, now: int) -> None:
        before = self.running + len(self.starting)
        if decision.containers != before or decision.bursts:
            self.changes.append(Change(now, before, decision.containers, decision.bursts, decision.reason))
        for _ in range(decision.containers - before):
            self.starting.append(now + math.ceil(self.policy.start_up))
        for _ in range(before - decision.containers):
            if self.starting:
                self.starting.pop()
            else:
                self.running -= 1
        self.bursts.extend([now] * decision.bursts)
        self.burst_starts += decision.bursts

    def _count(self, now: int, jobs: int) -> None:
        minute = self.minute
        draining = math.ceil(self.slots.busy / self.policy.jobs_per_worker)
        bursting = len(self.bursts)
        if self.burst_slots.busy:  # one whose time is over finishes its jobs
            bursting = max(bursting, math.ceil(self.burst_slots.busy / self.policy.jobs_per_burst))
        oldest = self._oldest()
        minute.arrivals += jobs
        minute.waiting = self.short.size + self.long.size
        if oldest is not None and now - oldest > minute.longest_wait:
            minute.longest_wait = now - int(oldest)
        minute.container_seconds += max(self.running, draining) + len(self.starting)
        minute.containers = max(minute.containers, self.running + len(self.starting))
        minute.burst_seconds += bursting
        minute.bursts = max(minute.bursts, bursting)
        if now % 60 == 59:
            minute.burst_starts, self.burst_starts = self.burst_starts, 0
            self.minutes.append(minute)
            self.minute = Minute()

    def result(self, load: Load) -> Result:
        """What came out."""
        left = [*self.short.rest(), *self.long.rest()]
        for came, count in left:
            self.waits[load.seconds - came] += count
        return Result(
            load=load.name,
            policy=self.policy,
            minutes=tuple(self.minutes),
            waits=self.waits,
            changes=tuple(self.changes),
            left=sum(count for _, count in left),
            job_seconds=self.lengths.times.mean,
            container_second=self.world.container_second,
            burst_second=self.world.burst_second,
            burst_request=self.world.burst_request,
        )
