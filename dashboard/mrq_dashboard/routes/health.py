"""Whether it lives. Answered to everybody, and says nothing else."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Response
from pydantic import BaseModel

from mrq.exceptions import MrqError
from mrq_dashboard.services import Given

router = APIRouter(tags=["health"])

log = logging.getLogger("mrq.dashboard")


class Health(BaseModel):
    """ok, or which server doesn't answer."""

    ok: bool
    mongodb: bool
    redis: bool


class Alive(BaseModel):
    """The process answers."""

    ok: bool = True


@router.get("/health")
def get_health() -> Alive:
    """Whether the process answers; nothing else is asked."""
    return Alive()


@router.get("/ready", responses={503: {"model": Health}})
def get_readiness(given: Given, response: Response) -> Health:
    """Whether MongoDB and Redis answer."""
    answers = {}
    for name, ping in (("mongodb", given.mrq.jobs.ping), ("redis", given.mrq.wakeups.ping)):
        try:
            ping()
            answers[name] = True
        except MrqError as error:
            log.warning("not ready: %s", error)
            answers[name] = False
    ok = all(answers.values())
    response.status_code = 200 if ok else 503
    return Health(ok=ok, **answers)
