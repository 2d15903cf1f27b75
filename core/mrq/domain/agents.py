"""Worker groups and the agents that run them: what is wanted, and how it is spread. Pure, and the same everywhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Any

from mrq.domain.commands import normalize_command, parse_command
from mrq.domain.groupcloud import GroupCloud
from mrq.domain.groupsizing import GroupSizing
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mrq.domain.ids import AgentId

USUAL_CPU = 1024
"""Processor units of an agent that states none: one core."""
_KEYS = {"_id", "commands", "process_termination_timeout", "sizing", "ecs", "burst"}
MOST_PROCESSES = 10_000
"""Of one command: more are a mistake."""


class AgentStatus(Enum):
    """What an agent does."""

    STARTED = "started"  # runs workers
    STOP = "stop"  # ends or has ended: its workers are others' now


@dataclass(frozen=True, slots=True)
class AgentShare:
    """What an agent can carry and has been given. `cpu` in 1/1024 of a core."""

    id: AgentId
    cpu: int
    desired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupCommand:
    """A command of a worker group as agents start it, and how often it says that it is to run."""

    command: str
    processes: int


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """A worker group. `termination_timeout`: seconds that its workers may take to finish; None: as long as they
    like. `sizing`: by which load the first command is sized; None: it runs as often as it says. `cloud`: agents have
    nothing to run, what is sized are a service of ECS and bursts. `document`: all that is stored about it."""

    name: str
    commands: tuple[GroupCommand, ...]
    termination_timeout: float | None
    document: Mapping[str, Any]
    sizing: GroupSizing | None = None
    cloud: GroupCloud | None = None


def group_of(document: Mapping[str, Any]) -> WorkerGroup:
    """The worker group that a document describes, in MRQ 0.9's fields.

    Raises ConfigError, which says what is wrong where.
    """
    name = document["_id"]
    where = f"worker group {name!r}"
    for key in document.keys() - _KEYS:  # others may be there for an autoscaling task
        close = get_close_matches(str(key), _KEYS - document.keys(), n=1, cutoff=0.85)
        if close:
            raise ConfigError(f"{where}: unknown key {key!r}; did you mean {close[0]!r}?")
    commands = document.get("commands", [])
    if not isinstance(commands, (list, tuple)):
        raise ConfigError(f"{where}: commands should be a list, not {commands!r}")
    timeout = document.get("process_termination_timeout")
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout < 0):
        raise ConfigError(f"{where}: process_termination_timeout should be a number of seconds, not {timeout!r}")
    read = [_command(command, name, f"{where}: commands[{position}]") for position, command in enumerate(commands)]
    cloud = GroupCloud.from_document(document, where)
    return WorkerGroup(name, tuple(read), timeout, document, _sizing(document, read, cloud, where), cloud)


def _sizing(
    document: Mapping[str, Any], commands: Sequence[GroupCommand], cloud: GroupCloud | None, where: str
) -> GroupSizing | None:
    sizing, place = document.get("sizing"), f"{where}: sizing"
    if cloud is None:
        if sizing is not None and not commands:
            raise ConfigError(f"{place} needs a command, or ecs or burst, and there is none")
        return None if sizing is None else GroupSizing.from_dict(sizing, place)
    if commands:
        raise ConfigError(f"{where}: commands are for agents, ecs and burst for the dispatcher; make two groups of it")
    sized = GroupSizing.from_dict(cloud.sized(sizing) if isinstance(sizing, dict) else sizing, place)
    cloud.check(sized.policy.max_workers, sized.policy.max_bursts, place)
    return sized


def _command(command: Any, group: str, where: str) -> GroupCommand:
    if not isinstance(command, str):
        raise ConfigError(f"{where} should be a command, not {command!r}")
    try:
        normal, processes = normalize_command(command, group)
        parse_command(normal)
    except ValueError as error:
        raise ConfigError(f"{where} ({command!r}) can't be read: {error}") from error
    if not 0 <= processes <= MOST_PROCESSES:
        raise ConfigError(f"{where} ({command!r}): --processes should be from 0 to {MOST_PROCESSES}")
    return GroupCommand(normal, processes)


def as_stated(_group: WorkerGroup, command: GroupCommand) -> int:
    """How many processes of a command there are to be: as many as it says."""
    return command.processes


def wanted(group: WorkerGroup, processes_of: Callable[[WorkerGroup, GroupCommand], int] = as_stated) -> Counter[str]:
    """How often each command of a group is to run, in the order of the group."""
    counts: Counter[str] = Counter()
    for command in group.commands:
        counts[command.command] += max(0, processes_of(group, command))
    return counts


def spread(counts: Mapping[str, int], agents: Sequence[AgentShare]) -> dict[AgentId, list[str]]:
    """Which agent runs what: evenly by processor units, every command evenly too.

    Where it is all the same, what an agent has already stays with it; so what is spread well is not moved. The
    result depends on the arguments alone, not on the order of the agents.
    """
    ranked = sorted(agents, key=lambda agent: str(agent.id))
    given: dict[AgentId, list[str]] = {agent.id: [] for agent in ranked}
    had = {agent.id: Counter(agent.desired) for agent in ranked}
    if not ranked:
        return given
    for command, count in counts.items():
        of_this: Counter[AgentId] = Counter()
        for _ in range(count):
            chosen = min(
                ranked,
                key=lambda agent: (
                    (len(given[agent.id]) + 1) / (agent.cpu or USUAL_CPU),
                    of_this[agent.id],
                    had[agent.id][command] <= of_this[agent.id],
                ),
            ).id
            given[chosen].append(command)
            of_this[chosen] += 1
    return given
