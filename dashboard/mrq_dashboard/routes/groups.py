"""Agents, and the worker groups that say what they are to run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mrq.domain.agents import MOST_PROCESSES, AgentStatus, WorkerGroup, group_of, wanted
from mrq.domain.redaction import HIDDEN
from mrq.exceptions import ConfigError
from mrq_dashboard.access import Admin, Viewer, check_everything
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import Text, is_storable
from mrq_dashboard.models import Done
from mrq_dashboard.presenting import number
from mrq_dashboard.services import Given, Services
from mrq_dashboard.shown import storable, utc

router = APIRouter(tags=["groups"])

MOST_SHOWN, MOST_COMMANDS, MOST_CHANGES = 200, 100, 20
SOME, BRIEF = 10, 300  # commands of one thing in a list, and their characters
LARGEST = 20_000  # characters of a group that can be changed here
LATE = 1.0  # seconds after the end of its life
GroupName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:@-]+$")]
Command = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00-\x1f]+$")]


class AgentModel(BaseModel):
    """An agent: a machine that runs workers of a group."""

    id: str
    group: str
    status: str
    started: datetime | None
    reported: datetime | None
    is_late: bool = Field(description="it has not reported in time: the others run its workers now")
    cpu: float | None = Field(description="1/1024 of a core")
    memory: float | None = Field(description="MB")
    wanted: int = Field(description="processes that it is to run")
    running: int = Field(description="processes that it runs")
    commands: list[str] = Field(description="some of those that it runs, cut")


class AgentPage(BaseModel):
    """Agents by id."""

    agents: list[AgentModel]
    next: int | None = Field(description="give it as `skip` to go on")


class DecisionModel(BaseModel):
    """What was decided about the size of a group."""

    at: datetime | None
    containers: int
    bursts: int
    reason: str
    failure: str = ""


class GroupModel(BaseModel):
    """A worker group."""

    name: str
    revision: str = Field(description="give it back with a change, so that none is lost")
    commands: list[str] = Field(description="in lists some of them, cut")
    is_whole: bool = Field(description="nothing is cut, so it can be changed here")
    process_termination_timeout: float | None
    sizing: dict[str, Any] | None
    ecs: dict[str, Any] | None
    burst: dict[str, Any] | None
    more: dict[str, Any] = Field(description="other fields of its document; they stay as they are")
    problem: str | None = Field(description="why it can't be read; its agents go on as they are")
    wanted: int = Field(description="processes that its commands ask for, before sizing")
    agents: int = Field(description="agents that live")
    running: int = Field(description="processes that they run")
    assigned: int = Field(description="processes that they are to run")
    last: DecisionModel | None = Field(description="the last decision about its size")


class Groups(BaseModel):
    """Worker groups by name."""

    groups: list[GroupModel]
    complete: bool


class GroupDetail(GroupModel):
    """One worker group, with its agents."""

    members: list[AgentModel]
    changes: list[DecisionModel] = Field(description="decisions that changed its size, latest first")


class GroupWords(BaseModel):
    """What a worker group is to say."""

    model_config = ConfigDict(extra="forbid")

    name: GroupName
    commands: Annotated[list[Command], Field(max_length=MOST_COMMANDS)] = []
    process_termination_timeout: Annotated[float, Field(ge=0, le=1e7)] | None = Field(None, description="seconds")
    sizing: dict[str, Any] | None = Field(None, description="`queues`, `target` and the limits of a policy")
    ecs: dict[str, Any] | None = None
    burst: dict[str, Any] | None = None
    revision: str | None = Field(None, max_length=100, description="of what was changed; null: whatever is there")
    reason: str = Field("", max_length=500)


@router.get("/agents")
def list_agents(
    given: Given,
    who: Viewer,
    skip: Annotated[int, Query(ge=0, le=10_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> AgentPage:
    """All agents, those that have ended included as long as they are known."""
    check_everything(who)
    found = given.mrq.agents.page(skip, limit)
    return AgentPage(agents=[_agent(given, each) for each in found], next=skip + limit if len(found) == limit else None)


@router.get("/worker_groups")
def list_worker_groups(given: Given, who: Viewer) -> Groups:
    """All worker groups: what they say, and who runs it."""
    check_everything(who)
    found = given.mrq.agents.groups()
    shown = [_group(given, each, given.mrq.agents.living(str(each["_id"])), SOME, BRIEF) for each in found[:MOST_SHOWN]]
    return Groups(groups=shown, complete=len(found) <= MOST_SHOWN)


@router.get("/worker_groups/detail")
def get_worker_group(given: Given, who: Viewer, name: Annotated[Text, Query()]) -> GroupDetail:
    """One worker group."""
    check_everything(who)
    living = given.mrq.agents.living(name)
    model = _group(given, _known(given, name), living)
    changes = given.mrq.fleets.changes(name)
    return GroupDetail(
        **model.model_dump(),
        members=[_agent(given, each) for each in living[:MOST_SHOWN]],
        changes=[
            DecisionModel(at=utc(each.at), containers=each.containers, bursts=each.bursts, reason=each.reason)
            for each in list(changes)[:MOST_CHANGES]
        ],
    )


@router.put("/worker_groups")
def put_worker_group(given: Given, who: Admin, words: GroupWords) -> GroupModel:
    """Make a worker group, or let it say something else. What it says is run by its agents."""
    check_everything(who)
    before = given.mrq.agents.group(words.name)
    if words.revision is not None and words.revision != revision_of(before):
        raise RefusedError(409, "changed", f"{words.name} was changed meanwhile; look again")
    says = words.model_dump(exclude={"name", "revision", "reason"}, exclude_none=True)
    kept = {name: value for name, value in (before or {}).items() if name not in GroupWords.model_fields}
    document = {**kept, "_id": words.name, **says}
    check_group(document)
    given.mrq.agents.put_group(words.name, document)
    given.note(
        who,
        "group.change" if before else "group.add",
        target_of(words.name),
        without_secrets(given, says),
        reason=words.reason,
    )
    return _group(given, document, given.mrq.agents.living(words.name))


@router.delete("/worker_groups")
def remove_worker_group(given: Given, who: Admin, name: Annotated[Text, Query()]) -> Done:
    """Forget a worker group. What its agents run goes on: to end it, first let the group have no commands."""
    check_everything(who)
    _known(given, name)
    given.mrq.agents.remove_group(name)
    given.note(who, "group.remove", target_of(name))
    return Done()


def check_group(document: Mapping[str, Any]) -> None:
    """See that a worker group can be stored and read.

    Raises:
        ConfigError: it can't be read; the message says where.
        RefusedError: something in it was hidden when it was shown, or can't be stored.
    """
    if HIDDEN in json.dumps(document, default=str):
        raise RefusedError(422, "hidden", f"a hidden value ({HIDDEN}) can't be stored; type it again")
    if not is_storable(dict(document)) or any(name.startswith("$") for name in document):
        raise RefusedError(422, "invalid", "the worker group can't be stored")
    group_of(document)


def without_secrets(given: Services, document: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker group says, for people: commands may have secrets in their variables."""
    commands = [given.shower.text(str(each), 4_000) for each in _list(document.get("commands"))[:MOST_COMMANDS]]
    return {**document, "commands": commands} if "commands" in document else dict(document)


def target_of(name: str) -> str:
    """A worker group as the audit log names it."""
    return f"group:{name}"


def revision_of(document: Mapping[str, Any] | None) -> str:
    """Changes whenever the document does."""
    text = json.dumps(document, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _known(given: Services, name: str) -> dict[str, Any]:
    document = given.mrq.agents.group(name)
    if document is None:
        raise RefusedError(404, "not_found", f"there is no worker group {name!r}")
    return document


def _group(
    given: Services,
    document: Mapping[str, Any],
    living: list[dict[str, Any]],
    most: int = MOST_COMMANDS,
    longest: int = LARGEST,
) -> GroupModel:
    name = str(document["_id"])
    group, problem = _read(document)
    commands, shower = document.get("commands"), given.shower
    known = {"_id", *GroupWords.model_fields}
    return GroupModel(
        name=storable(name),
        revision=revision_of(document),
        commands=[shower.text(str(each), longest) for each in _list(commands)[:most]],
        is_whole=longest == LARGEST and _size(document) <= LARGEST and len(_list(commands)) <= most,
        process_termination_timeout=number(document.get("process_termination_timeout")),
        sizing=_shown(given, document.get("sizing"), longest),
        ecs=_shown(given, document.get("ecs"), longest),
        burst=_shown(given, document.get("burst"), longest),
        more=shower.value({key: value for key, value in document.items() if key not in known}, longest),
        problem=problem,
        wanted=0 if group is None else min(wanted(group).total(), MOST_PROCESSES * MOST_COMMANDS),
        agents=len(living),
        running=sum(len(_list(each.get("current_workers"))) for each in living),
        assigned=sum(len(_list(each.get("desired_workers"))) for each in living),
        last=_last(given, name),
    )


def _read(document: Mapping[str, Any]) -> tuple[WorkerGroup | None, str | None]:
    try:
        return group_of(document), None
    except ConfigError as error:
        return None, storable(str(error))[:1_000]


def _last(given: Services, name: str) -> DecisionModel | None:
    found = given.mrq.fleets.last(name)
    if found is None:
        return None
    decision = found.decision
    return DecisionModel(
        at=utc(found.at), containers=decision.containers, bursts=decision.bursts, reason=decision.reason,
        failure=given.shower.text(found.failure, 1_000),
    )  # fmt: skip


def _shown(given: Services, value: Any, longest: int) -> dict[str, Any] | None:
    return given.shower.value(value, longest) if isinstance(value, dict) else None


def _size(document: Mapping[str, Any]) -> int:
    return len(json.dumps(document, default=str))


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _agent(given: Services, document: Mapping[str, Any]) -> AgentModel:
    ends = document.get("dateexpires")
    late = isinstance(ends, datetime) and (given.now() - ends).total_seconds() > LATE
    desired, current = (_list(document.get(name)) for name in ("desired_workers", "current_workers"))
    return AgentModel(
        id=str(document["_id"]),
        group=storable(str(document.get("worker_group") or "")),
        status=str(document.get("status") or ""),
        started=utc(document.get("datestarted")),
        reported=utc(document.get("datereported")),
        is_late=late and document.get("status") == AgentStatus.STARTED.value,
        cpu=number(document.get("total_cpu")),
        memory=number(document.get("total_memory")),
        wanted=len(desired),
        running=len(current),
        commands=[given.shower.text(str(each), BRIEF) for each in current[:SOME]],
    )
