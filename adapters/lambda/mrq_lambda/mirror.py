"""Schedules in EventBridge Scheduler: one entry a schedule, for its next time. It invokes the scheduler's function
then, which queues the job and makes the entry of the time after that.

The schedules in MongoDB stay the truth, and each time is one job whoever ticks. So an entry too many costs one tick
that finds nothing, and one that is missing is made by the next tick, whatever causes that.
"""

from __future__ import annotations

import json
import logging
import math
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from mrq_lambda.aws import client

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.app import App
    from mrq.domain.schedule import ScheduleState

log = logging.getLogger("mrq.lambda")

PREFIX = "mrq-"
PAGE = 200
MOST = 5000  # schedules
SOON = timedelta(seconds=5)  # an entry in the past would never fire
MADE_ALREADY, GONE_ALREADY = "ConflictException", "ResourceNotFoundException"
"""What is said when another one that mirrors at the same time was quicker."""


def mirror(app: App, function: str, clients: Callable[[str], Any] = client) -> dict[str, int]:
    """Make the entries of the group what the schedules say; how many were made and deleted.

    `function`: ARN of the one that entries invoke. Its name holds an entry's time, so that the list of names is all
    that has to be read. New entries come before old ones go: one that ends in between leaves one too many.

    Raises:
        StoreUnavailableError: MongoDB is away.
        BotoCoreError, ClientError: EventBridge Scheduler refuses, or can't be reached. The next tick goes on.
    """
    settings, scheduler = app.settings, clients("scheduler")
    group, role = settings.eventbridge_group, settings.eventbridge_role
    wanted = dict(_entry(state, app.clock.now()) for state in _states(app) if _fires(state))
    there = _names(scheduler, group)
    made = deleted = 0
    for name, at in wanted.items():
        if name not in there:
            made += _done(MADE_ALREADY, _create, scheduler, group, role, function, name, at)
    for name in there - wanted.keys():
        deleted += _done(GONE_ALREADY, scheduler.delete_schedule, GroupName=group, Name=name)
    return {"made": made, "deleted": deleted}


def tried(app: App, function: str) -> dict[str, int] | str:
    """The same; why it could not be done."""
    try:
        return mirror(app, function)
    except (BotoCoreError, ClientError) as error:
        log.exception("the schedules could not be mirrored: the next tick tries again")
        return str(error)


def _states(app: App) -> list[ScheduleState]:
    found: list[ScheduleState] = []
    while len(found) < MOST:
        page = app.schedules.page(len(found), PAGE)
        found += page
        if len(page) < PAGE:
            return found
    log.error("there are more than %d schedules: the others have no entry and wait for a tick", MOST)
    return found


def _fires(state: ScheduleState) -> bool:
    return state.next is not None and not state.paused


def _entry(state: ScheduleState, now: datetime) -> tuple[str, datetime]:
    """Name and time of an entry, in whole seconds. It is not to be early."""
    due = state.next or now
    seconds = math.ceil(due.replace(tzinfo=UTC).timestamp())
    at = due + timedelta(seconds=seconds - due.replace(tzinfo=UTC).timestamp())
    return f"{PREFIX}{state.id.hex()}-{seconds}", max(at, now + SOON)


def _names(scheduler: Any, group: str) -> set[str]:
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName=group, NamePrefix=PREFIX)
    return {entry["Name"] for page in pages for entry in page["Schedules"]}


def _create(scheduler: Any, group: str, role: str, function: str, name: str, at: datetime) -> None:
    scheduler.create_schedule(
        GroupName=group,
        Name=name,
        ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="UTC",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": function, "RoleArn": role, "Input": json.dumps({"entry": name})},
    )


def _done(harmless: str, change: Callable[..., object], *args: Any, **about: Any) -> bool:
    """Change something; False: somebody has done it meanwhile, which is said with the code `harmless`."""
    try:
        change(*args, **about)
    except ClientError as error:
        if error.response["Error"]["Code"] != harmless:
            raise
        return False
    return True
