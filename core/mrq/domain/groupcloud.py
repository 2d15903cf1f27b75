"""What carries a sized worker group on AWS: the fields `ecs` and `burst` of its document, read by dispatchers."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from mrq.domain.plain import check_keys
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

ECS, BURST = "ecs", "burst"


@dataclass(frozen=True, slots=True)
class EcsService:
    """A service whose tasks are container workers, one a task. Names, or ARNs. `only_watched`: something else sizes it,
    such as Application Auto Scaling."""

    cluster: str
    service: str
    only_watched: bool = False


@dataclass(frozen=True, slots=True)
class BurstFunction:
    """A function of bursts: its name or ARN. `event`: what its events say beside queues, concurrency and group."""

    function: str
    event: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupCloud:
    """At least one of the two."""

    ecs: EcsService | None = None
    burst: BurstFunction | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any], where: str) -> GroupCloud | None:
        """Read the two fields; None: there is neither.

        Raises:
            ConfigError: one of them is wrong; begins with `where`.
        """
        ecs, burst = (document.get(name) for name in (ECS, BURST))
        if ecs is None and burst is None:
            return None
        return cls(
            None if ecs is None else _ecs(ecs, f"{where}: {ECS}"),
            None if burst is None else _burst(burst, f"{where}: {BURST}"),
        )

    def sized(self, sizing: Mapping[str, Any]) -> dict[str, Any]:
        """The field `sizing` of the group, where no container runs with 0 of them unless it says something else."""
        return {**({} if self.ecs else {"max_workers": 0}), **sizing}

    def check(self, max_workers: int, max_bursts: int, where: str) -> None:
        """See that somebody runs what may be wanted. Raises ConfigError."""
        if max_workers and self.ecs is None:
            raise ConfigError(
                f"{where}: max_workers is {max_workers}, but only {BURST} is there; add {ECS}, or set it to 0"
            )
        if max_bursts and self.burst is None:
            raise ConfigError(
                f"{where}: max_bursts is {max_bursts}, but only {ECS} is there; add {BURST}, or set it to 0"
            )
        if self.burst is not None and not max_bursts:
            raise ConfigError(f"{where}: {BURST} is there, but max_bursts is 0; say how many may run at the same time")


def _ecs(given: Any, where: str) -> EcsService:
    texts = _texts(EcsService, given, where, ("cluster", "service"))
    watched = given.get("only_watched", False)
    if not isinstance(watched, bool):
        raise ConfigError(f"{where}: only_watched should be true or false, not {watched!r}")
    return EcsService(**texts, only_watched=watched)


def _burst(given: Any, where: str) -> BurstFunction:
    texts = _texts(BurstFunction, given, where, ("function",))
    event = given.get("event", {})
    if not isinstance(event, dict):
        raise ConfigError(f"{where}: event should be an object such as {{}}, not {event!r}")
    return BurstFunction(texts["function"], event)


def _texts(cls: type[Any], given: Any, where: str, names: tuple[str, ...]) -> dict[str, str]:
    check_keys(given, [each.name for each in fields(cls)], where)
    for name in names:
        if not isinstance(given.get(name), str) or not given[name]:
            raise ConfigError(f"{where}: {name} should be a name or an ARN, not {given.get(name)!r}")
    return {name: given[name] for name in names}
