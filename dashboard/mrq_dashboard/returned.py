"""Params that come back from where they were shown: what was hidden or cut there must not be stored so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mrq.domain.redaction import HIDDEN
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.shown import LONG, SHORT, Shower

_HIDDEN = re.compile(rf"(?:^|[:/=]){re.escape(HIDDEN)}(?=$|[^*])")  # alone, or in an address
_CUT = re.compile(r"\.\.\. [\d,]+ more(?: characters)?$|\.\.\. [\d,]+ characters left out \.\.\.")
_REST = re.compile(r"\d+ more$")


def check_whole(value: Any) -> None:
    """Whether nothing in a value is what the dashboard shows for something else.

    Raises:
        RefusedError: it was hidden or cut when it was shown.
    """
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name == "..." and isinstance(item, str) and _REST.match(item):
                raise _cut()
            check_whole(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_whole(item)
    elif isinstance(value, str):
        if _HIDDEN.search(value):
            raise RefusedError(
                422, "hidden", f"params: a value was hidden when it was shown; {HIDDEN} can't be stored, type it again"
            )
        if _CUT.search(value):
            raise _cut()


def _cut() -> RefusedError:
    return RefusedError(
        422, "cut", "params: a value was cut when it was shown, so the rest would be lost; give the whole value"
    )


def kept(given: Any, stored: Any, shower: Shower) -> Any:
    """Params as they come back from a form, in which what was left as it was shown is as it is stored.

    Raises:
        RefusedError: something was hidden or cut when it was shown, and can't be told from what is stored.
    """
    try:
        return _kept(given, shower.value(stored, LONG), stored)
    except RefusedError:
        return _kept(given, shower.value(stored, SHORT), stored)  # they come from a list


def _kept(given: Any, shown: Any, stored: Any) -> Any:
    if type(given) is type(shown) and given == shown and not isinstance(given, (dict, list)):
        return stored
    if isinstance(given, dict) and isinstance(shown, dict) and isinstance(stored, Mapping):
        return _kept_object(given, shown, stored)
    if isinstance(given, list) and isinstance(shown, list) and isinstance(stored, list) and len(given) == len(shown):
        if len(shown) == len(stored):
            return [_kept(*each) for each in zip(given, shown, stored, strict=True)]
        if given == shown:
            return stored
    check_whole(given)
    return given


def _kept_object(given: dict[str, Any], shown: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "..." in shown and "..." not in stored and given.get("...") == shown["..."]:  # the rest was left out
        found = {name: item for name, item in stored.items() if name not in shown}
        given = {name: item for name, item in given.items() if name != "..."}
    for name, item in given.items():
        if name in shown and name in stored:
            found[name] = _kept(item, shown[name], stored[name])
        else:
            check_whole({name: item})
            found[name] = item
    order = {name: number for number, name in enumerate(stored)}
    return {name: found[name] for name in sorted(found, key=lambda name: order.get(name, len(order)))}
