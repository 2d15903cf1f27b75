"""Whether a claimed job may start now: the limits and rates of its task."""

from __future__ import annotations

import logging
import random
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.domain.outcome import Outcome
from mrq.domain.rate import parse_rate
from mrq.domain.status import Status
from mrq.domain.waiting import pause_for_permit, pause_for_server
from mrq.engine.backoff import Backoff
from mrq.engine.execute import failure_of
from mrq.exceptions import MaxConcurrencyInterrupt
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.engine.permits import Permits
    from mrq.engine.run import Run
    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Runtime
    from mrq.ports.semaphores import Permit
    from mrq.ports.stores import StorePorts

log = logging.getLogger("mrq.worker")

SHORT = 0.05  # seconds that a job waits for its turn where it is, rather than in its queue
# A job that came back for its turn waits longer: jobs return in batches, as their worker polls.
SHORT_FOR_RETURNED = 2.0
TRIES = 4

UNTIL_FREED, FIRST_LOOK, LAST_LOOK = 2.0, 0.005, 0.1
"""Seconds that a job waits where it is for the permits of jobs that have ended in this worker, and between two looks at
first and later: they are released as soon as these ends are written."""


class Limits:
    """Asked before each run of a task that has limits; the others cost nothing."""

    def __init__(
        self,
        stores: StorePorts,
        permits: Permits,
        runtime: Runtime,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._stores = stores
        self._permits = permits
        self._runtime = runtime
        self._clock = clock
        self._chance = chance
        self._refused: Counter[str] = Counter()  # since the last permit that was granted, by name
        self._backoff = Backoff()

    def concern(self, run: Run) -> bool:
        """Whether the run's task has any limit."""
        return bool(run.options.max_concurrency or run.options.rate)

    def admit(self, run: Run) -> Outcome | None:
        """None: the run may start, now. Else what becomes of the job instead. May wait for a short while.

        Permits are noted in `run.permits` before they are asked for, so whatever happens they are released
        with the run. Without Redis nothing is admitted and nothing fails: the job comes back a little later.
        """
        options, returns = run.options, run.job.has_slot
        try:
            # Who has not stood in line does that without a permit, which others could use meanwhile.
            refused = None if returns or not options.rate else self._turn(run, options.rate)
            if refused is None and options.max_concurrency:
                # Who has a start by now takes it at once or never: later it would be too close to the next one's.
                patience = 0.0 if options.rate and not returns else UNTIL_FREED
                refused = self._permit(run, options.max_concurrency, patience)
            if refused is None and returns and options.rate:
                refused = self._turn(run, options.rate)
        except StoreUnavailableError as error:
            if not self._backoff.failed() > self._backoff.first:  # one line, not one a job
                log.warning("jobs with limits wait for Redis: %s", error)
            return self._later(pause_for_server(self._chance()), has_slot=returns)
        self._backoff.worked()
        return refused

    def _permit(self, run: Run, limit: int, patience: float) -> Outcome | None:
        name = f"task:{run.job.path}"
        permit = self._permits.new(name)
        run.permits = (*run.permits, permit)
        until = self._clock.monotonic() + patience
        while True:
            before, released = self._permits.held(name), self._permits.releases(name)
            if self._permits.ask(name, limit, [permit]):
                del self._refused[name]
                return None
            # All that may have had their permits when this was decided: those from before, of which some have ended
            # meanwhile, those that came meanwhile, and what came and went.
            ended = self._permits.ended_of(before | self._permits.held(name))
            final = not ended and self._permits.releases(name) == released
            if final or not self._released(run, name, ended, until):
                return self._refusal(run, name, limit, final=final)

    def _released(self, run: Run, name: str, ended: set[Permit], until: float) -> bool:
        """Wait where the job is until these are released; whether there was time for that, and it is still to run."""
        pause = FIRST_LOOK
        while run.outcome is None and ended & self._permits.held(name) and self._clock.monotonic() < until:
            self._runtime.sleep(pause)
            pause = min(2 * pause, LAST_LOOK)
        return run.outcome is None and self._clock.monotonic() < until

    def _refusal(self, run: Run, name: str, limit: int, *, final: bool) -> Outcome:
        """What becomes of a job that gets no permit. Jobs that have ended are no reason to end it (not `final`)."""
        if run.options.on_limit == "wait" or not final:
            self._refused[name] += 1
            pause = pause_for_permit(self._refused[name], self._chance())
            return self._later(pause, has_slot=bool(run.options.rate))
        text = f"max_concurrency: {limit} jobs of {run.job.path} run already"
        return Outcome(Status.MAXCONCURRENCY, failure=failure_of(MaxConcurrencyInterrupt(text)))

    def _turn(self, run: Run, text: str) -> Outcome | None:
        """Ask for a start until there is one that can be made in time: an answer that was long under way, or a
        sleep that was too long, would bring two starts too close together."""
        rate, returns = parse_rate(text), run.job.has_slot
        for _ in range(TRIES):
            patience = SHORT_FOR_RETURNED if returns else SHORT
            asked = self._clock.monotonic()
            ask = str(self._stores.jobs.new_id())
            turn = self._stores.rates.turn(run.job.path, ask, rate.interval, patience, returns=returns)
            if not turn.granted:
                return self._later(turn.wait, has_slot=True)
            if turn.wait:
                self._runtime.sleep(turn.wait)
            if self._clock.monotonic() - asked - turn.wait <= rate.spare:
                return None
            returns = True
        return self._later(0.0, has_slot=True)

    def _later(self, pause: float, *, has_slot: bool) -> Outcome:
        due = self._clock.now() + timedelta(seconds=pause)
        return Outcome(Status.QUEUED, due=due, has_slot=has_slot)
