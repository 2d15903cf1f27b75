"""What a worker group says about being sized by the load of its queues: the field `sizing` of its document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mrq.domain.fleetpolicy import FleetPolicy
from mrq.domain.queuename import parse_queue
from mrq.exceptions import ConfigError

QUEUES = "queues"
MOST_QUEUES = 100
"""Of one group: each is looked at for every decision."""


@dataclass(frozen=True, slots=True)
class GroupSizing:
    """The queues whose jobs the group runs, and its limits."""

    queues: tuple[str, ...]
    policy: FleetPolicy

    @classmethod
    def from_dict(cls, given: Any, where: str) -> GroupSizing:
        """Read `{"queues": [...], "target": {...}, ...}`: the keys beside `queues` are those of a FleetPolicy.

        Raises:
            ConfigError: a key is unknown or missing, or a value wrong; begins with `where`.
        """
        if not isinstance(given, dict) or QUEUES not in given:
            raise ConfigError(f"{where} should be a dict with {QUEUES} and a target, not {given!r}")
        queues = given[QUEUES]
        if not isinstance(queues, (list, tuple)) or not 0 < len(queues) <= MOST_QUEUES:
            raise ConfigError(f"{where}: {QUEUES} should be a list of 1 to {MOST_QUEUES} names, not {queues!r}")
        for queue in queues:
            if not isinstance(queue, str) or not queue:
                raise ConfigError(f"{where}: {QUEUES} should be names, not {queue!r}")
        rest = {key: value for key, value in given.items() if key != QUEUES}
        ids = dict.fromkeys(parse_queue(queue).id for queue in queues)
        return cls(tuple(ids), FleetPolicy.from_dict(rest, where))
