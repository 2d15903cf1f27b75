"""What the params of some jobs have in common that those of most jobs don't have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST = 10  # that are told
LEAST_SHARE = 0.5  # of the members
LEAST_MORE = 0.2  # than among all jobs
LONGEST_VALUE = 100  # characters
MOST_NAMES = 50  # params of a job that are looked at

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class SharedParam:
    """A value of a param, `name` with a dot for one inside another; `members` and `others`: the shares, from 0 to 1,
    that have it. `others` is None where there was nothing to compare with."""

    name: str
    value: Value
    members: float
    others: float | None


def shared_params(members: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[SharedParam]:
    """What at least half of the members share, and clearly more of them than of all jobs; most telling first.

    One member shares nothing with anybody: the list is empty.
    """
    if len(members) < 2:
        return []
    of_members, of_others = _counted(members), _counted(others)
    found = []
    for key, count in of_members.items():
        name, _, value = key
        share = count / len(members)
        among = of_others[key] / len(others) if others else None
        if share >= LEAST_SHARE and share - (among or 0.0) >= LEAST_MORE:
            found.append(SharedParam(name, value, share, among))
    found.sort(key=lambda each: (-(each.members - (each.others or 0.0)), each.name))
    return found[:MOST]


def _counted(jobs: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str, Value]]:
    """How many jobs have each value. The type is told too: True is not 1."""
    return Counter(key for params in jobs for key in set(_values(params)))


def _values(params: Mapping[str, Any]) -> list[tuple[str, str, Value]]:
    found: list[tuple[str, str, Value]] = []
    for name, value in list(params.items())[:MOST_NAMES]:
        inside = value.items() if isinstance(value, Mapping) else ()
        for full, each in ((str(name), value), *((f"{name}.{key}", item) for key, item in inside)):
            if each is None or isinstance(each, (bool, int, float)) or (
                isinstance(each, str) and len(each) <= LONGEST_VALUE
            ):  # fmt: skip
                found.append((full, type(each).__name__, each))
    return found[: 2 * MOST_NAMES]
