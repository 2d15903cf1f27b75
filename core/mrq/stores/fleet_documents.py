"""Documents of `mrq_fleets`.

`_id` is the group; `at`, `figures`, `fleet`, `containers`, `bursts`, `reason`, `memory` are those of the last decision;
`changes` are the last decisions that changed something, oldest first; `revision` counts the decisions; `failure` says
why the last one could not be carried out.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mrq.domain.fleet import Decision, Fleet, FleetMemory
from mrq.domain.queuefigures import QueueFigures, RunTimes
from mrq.exceptions import ConfigError
from mrq.ports.fleets import FleetChange, FleetRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]


def fields_of(record: FleetRecord) -> Document:
    """What a record is stored as."""
    decision, fleet = record.decision, asdict(record.fleet)
    del fleet["ended"]  # of that moment only
    return {
        "at": record.at,
        "figures": asdict(record.figures),
        "fleet": fleet,
        "containers": decision.containers,
        "bursts": decision.bursts,
        "reason": decision.reason,
        "memory": decision.memory.as_dict(),
        "failure": record.failure,
    }


def change_of(record: FleetRecord) -> Document:
    """What of it is kept as a change."""
    fields = fields_of(record)
    return {name: fields[name] for name in ("at", "containers", "bursts", "reason")}


def record_of(document: Mapping[str, Any]) -> FleetRecord | None:
    """The record of a document; None if another version wrote it and it can't be read."""
    try:
        figures = dict(document["figures"])
        if figures.get("run_time"):
            figures["run_time"] = RunTimes(**figures["run_time"])
        memory = FleetMemory.from_dict(document["memory"])
        decision = Decision(document["containers"], document["bursts"], document["reason"], memory)
        fleet, figured = Fleet(**document["fleet"]), QueueFigures(**figures)
        failure, revision = document.get("failure", ""), document.get("revision", 0)
        return FleetRecord(document["at"], figured, fleet, decision, failure, revision)
    except (KeyError, TypeError, ConfigError):
        return None


def changes_of(document: Mapping[str, Any]) -> list[FleetChange]:
    """The changes, latest first."""
    return [FleetChange(**each) for each in reversed(document.get("changes") or ())]
