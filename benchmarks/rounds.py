"""Rounds of all measurements, interleaved: each case goes through all contenders, in another order each round."""

from __future__ import annotations

import dataclasses
import os
import platform
import random
import statistics
import sys
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import psutil

from benchmarks import claims, handovers, imports, peercases, sleepers
from benchmarks.contenders import ENQUEUE, IDLE, IO, OURS, Contender
from benchmarks.environments import install, versions
from benchmarks.own import Own
from benchmarks.results import (
    CLAIMS,
    DURABLE_HANDOVER,
    FLOORS,
    HANDOVER,
    HASTY_HANDOVER,
    IMPORTS,
    IN_FLIGHT,
    SLEEPERS,
    Results,
)
from mrq.domain.queuename import parse_queue
from mrq.stores.mongo_client import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.own import Case
    from benchmarks.plan import Plan
    from benchmarks.services import Services

DISTRIBUTIONS = {
    "mrq_cloud": ("pymongo", "redis", "hiredis", "gevent"),
    "mrq09": ("mrq", "pymongo", "redis", "gevent"),
    "celery": ("celery", "kombu", "redis", "gevent"),
    "rq": ("rq", "redis"),
    "dramatiq": ("dramatiq", "redis", "gevent"),
    "huey": ("huey", "redis", "gevent"),
    "arq": ("arq", "redis", "uvloop"),
    "taskiq": ("taskiq", "taskiq-redis", "redis", "uvloop"),
    "procrastinate": ("procrastinate", "psycopg"),
    "streaq": ("streaq", "coredis", "uvloop"),
    "repid": ("repid", "redis"),
}
# Asked for, and nowhere to be had; said in each report.
NOT_PUBLISHED = {"ardiq": "PyPI has no such distribution"}

Step = tuple[str, str, "Callable[[], dict[str, float]]"]
"""Case, contender, and what measures it."""


class Bench:
    """One run."""

    def __init__(
        self, services: Services, plan: Plan, contenders: list[Contender], results: Results, only: list[str] | None
    ) -> None:
        """`only`: names of cases; None for all."""
        self._services, self._plan, self._results = services, plan, results
        self._contenders, self._only = contenders, only
        self._busy: list[float] = []

    def run(self) -> None:
        """Install, then measure; what fails is written down, and the others go on."""
        there = [contender for contender in self._contenders if self._is_there(contender)]
        end = time.monotonic() + self._plan.budget  # installing takes what it takes
        self._results.left_out.update(NOT_PUBLISHED)
        self._say_what(there)
        own = Own(self._services, self._plan.jobs, 100)
        for turn in range(self._plan.rounds):
            plan = dataclasses.replace(self._plan, seed=turn)
            for case, who, step in self._steps(own, there, plan):
                if time.monotonic() > end:
                    self._results.left_out[f"{who}, {case}, round {turn + 1}"] = "no time was left"
                    continue
                self._busy.append(psutil.cpu_percent(0.2))
                self._results.about["busy"] = statistics.median(self._busy)
                start = time.monotonic()
                self._try(case, who, step)
                took = time.monotonic() - start
                print(f"round {turn + 1}: {case}: {who}: took {took:.1f} s", file=sys.stderr, flush=True)

    def _try(self, case: str, who: str, step: Callable[[], dict[str, float]]) -> None:
        try:
            found = step()
        except Exception as error:  # noqa: BLE001 - one that fails must not take the others' figures along
            last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            self._results.failed.append(f"{who}, {case}: {last[0][:300]}")
            print(f"  failed: {error}", file=sys.stderr, flush=True)
            return
        for name, value in found.items():
            self._results.add(f"{case} {name}".strip(), who, value)

    def _wanted(self, case: str) -> bool:
        return self._only is None or case in self._only

    def _is_there(self, contender: Contender) -> bool:
        why = self._services.lacks(contender.service) or install(contender.peer)
        if why:
            self._results.left_out[contender.name] = why
        return not why

    def _steps(self, own: Own, there: list[Contender], plan: Plan) -> Iterator[Step]:
        if self._wanted(FLOORS):
            for name, floor in own.floors.items():
                yield FLOORS, name, partial(self._floor, own, floor)
        for case in peercases.CASES:
            # a 2-core machine says little about several processes in a quick look
            if not self._wanted(case) or (plan.quick and self._only is None and case.endswith("processes")):
                continue
            group = [each for each in there if (each.producer if case == ENQUEUE else case in each.cases)]
            random.Random(f"{case} {plan.seed}").shuffle(group)
            for each in group:
                yield case, each.name, partial(peercases.measure, case, each, self._services, plan)
            if case == IO:
                yield case, SLEEPERS, lambda: {"": sleepers.multiple(plan.sleepers, peercases.SLEEP_SECONDS, 100)}
            if case == IDLE:
                yield case, HANDOVER, partial(self._handover, handovers.through_redis, plan)
                yield case, DURABLE_HANDOVER, partial(self._handover, handovers.through_mongodb, plan)
                hasty = partial(handovers.through_mongodb, w=1)
                yield case, HASTY_HANDOVER, partial(self._handover, hasty, plan)
                yield IN_FLIGHT, OURS, lambda: {"": own.in_flight()}
        if self._wanted("claims"):
            yield CLAIMS, OURS, partial(self._claims, plan)
        if self._wanted("imports"):
            for module in imports.BUDGETS:
                yield IMPORTS, module, partial(self._import, module)

    @staticmethod
    def _floor(own: Own, floor: Case) -> dict[str, float]:
        return {"": own.rate(floor)}

    @staticmethod
    def _import(module: str) -> dict[str, float]:
        return {"": imports.measure(module)}

    def _handover(self, handover: Callable[[Services, int], list[float]], plan: Plan) -> dict[str, float]:
        cuts = statistics.quantiles(handover(self._services, plan.samples), n=100)
        return {"pickup p50": cuts[49], "pickup p99": cuts[98]}

    def _claims(self, plan: Plan) -> dict[str, float]:
        """How much dearer a claim gets when many wait."""
        self._services.empty()
        database = connect(self._services.mongodb_url, server_timeout=30, name="benchmarks")
        few, many = (claims.case(database, parse_queue("main"), n, 0, 9)[0] for n in (1_000, plan.queued))
        return {"": many / few}

    def _say_what(self, there: list[Contender]) -> None:
        self._results.about.update(
            date=datetime.now(UTC).strftime("%Y-%m-%d"),
            machine=f"{os.cpu_count()} cores, {platform.platform(terse=True)}, Python {platform.python_version()}",
            mongodb=self._services.kind,
            jobs=self._plan.jobs,
            limit=self._plan.limit,
            quick=self._plan.quick,
            versions={
                **self._results.about.get("versions", {}),  # of figures that this run goes on with
                **{peer: versions(peer, DISTRIBUTIONS[peer]) for peer in dict.fromkeys(each.peer for each in there)},
            },
        )
