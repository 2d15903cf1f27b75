"""What Amazon DocumentDB 5.0 offers of MongoDB, and a listener that notes what MRQ asks for beyond that.

Everything is listed that may be used, so that the next operator has to be looked up before it is: in "Supported MongoDB
APIs, operations, and data types", "Functional differences" and "Partial index" of Amazon's guide.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymongo import monitoring

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
PRODUCT = tuple(str(ROOT / folder) + "/" for folder in ("core", "adapters", "dashboard"))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# distinct is not among them: it is there, but Amazon says that it uses no index
COMMANDS = _words(
    "aggregate count delete find findAndModify getMore insert killCursors update "
    "create createIndexes drop dropDatabase dropIndexes listCollections listIndexes "
    "buildinfo collStats connectionStatus dbStats endSessions explain hello isMaster ping "
    "authenticate saslContinue saslStart"
)
# Options that change what a command means. Others (limits, batches, concerns, sessions) are known everywhere.
UNKNOWN_OPTIONS = _words(
    "collation let validator validationLevel viewOn timeseries clusteredIndex capped bypassDocumentValidation"
)
FILTERS = _words(
    "$eq $ne $gt $gte $lt $lte $in $nin $and $or $nor $not $exists $type $regex $options $mod $size $all $elemMatch "
    "$comment $expr $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet"
)
UPDATES = _words(
    "$set $unset $inc $mul $min $max $rename $setOnInsert $currentDate $push $pull $pullAll $pop $addToSet $bit"
)
PUSHED = _words("$each $slice $sort $position")
STAGES = _words(
    "$match $group $sort $limit $skip $project $addFields $unwind $lookup $count $redact $replaceRoot $sample"
)
EXPRESSIONS = _words(
    "$sum $avg $min $max $first $last $push $addToSet $eq $ne $gt $gte $lt $lte $cmp $and $or $not $in $cond $ifNull "
    "$switch $literal $filter $map $reduce $size $slice $arrayElemAt $concatArrays $isArray $objectToArray "
    "$arrayToObject $mergeObjects $add $subtract $multiply $divide $mod $abs $ceil $floor $concat $substrCP $strLenCP "
    "$toLower $toUpper $split $dateToString $dateAdd $dateSubtract $year $month $dayOfMonth $hour $minute $second "
    "$type $toString $toDate $toInt $toLong $toDouble $let $setUnion $setIntersection $setDifference $range"
)
VARIABLES = frozenset({"$$ROOT"})
INDEX_OPTIONS = _words("key name unique sparse expireAfterSeconds partialFilterExpression background v ns")
PARTIAL = frozenset({"$eq", "$exists", "$and"})

# Fields of sparse indexes. Such an index serves only filters that also say that the field exists.
SPARSE: Mapping[str, frozenset[str]] = {
    "mrq_jobs": frozenset({"dateretry", "dateexpires"}),
    "mrq_scheduled_jobs": frozenset({"datenext"}),
    "mrq_logs": frozenset({"worker"}),
}
# MRQ tries whether there are capped collections, and does without where that is refused (tests/contract/test_logs.py).
TRIED = frozenset({("create", "mrq_logs"), ("convertToCapped", "mrq_logs")})


def refusals(name: str, command: Mapping[str, Any]) -> list[str]:
    """What of a command DocumentDB 5.0 doesn't offer, or can't do by an index that is there for it."""
    collection = str(command.get("collection" if name == "getMore" else name))
    if (name, collection) in TRIED:
        return []
    if name not in COMMANDS:
        return [f"the command {name}"]
    found = [f"the option {option}" for option in UNKNOWN_OPTIONS if option in command]
    for where, filters in _filters(name, command):
        found += _of_filter(filters, SPARSE.get(collection, frozenset()), where)
    for update in _updates(name, command):
        found += _of_update(update)
    if name == "aggregate":
        found += _of_pipeline(command["pipeline"], collection)
    if name == "createIndexes":
        for index in command["indexes"]:
            found += _of_index(index)
    return found


def _filters(name: str, command: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    match name:
        case "find":
            yield name, command.get("filter") or {}
        case "count" | "findAndModify":
            yield name, command.get("query") or {}
        case "update":
            yield from ((name, each["q"]) for each in command["updates"])
        case "delete":
            yield from ((name, each["q"]) for each in command["deletes"])


def _updates(name: str, command: Mapping[str, Any]) -> Iterator[Any]:
    if name == "update":
        yield from (each["u"] for each in command["updates"])
    elif name == "findAndModify" and "update" in command:
        yield command["update"]


def _of_filter(filters: Mapping[str, Any], sparse: frozenset[str], where: str) -> list[str]:
    found: list[str] = []
    for key, value in filters.items():
        if key in {"$and", "$or", "$nor"}:
            for each in value:
                found += _of_filter(each, sparse if "_id" not in filters else frozenset(), where)
        elif key == "$expr":
            found += _of_expression(value)
        elif key.startswith("$"):
            found += [] if key in FILTERS else [f"the operator {key}"]
        else:
            found += _of_condition(value, where)
            if key in sparse and "_id" not in filters and not (isinstance(value, dict) and "$exists" in value):
                found.append(f"a {where} by {key} without $exists, so not by its sparse index")
    return found


def _of_condition(value: Any, where: str) -> list[str]:
    found: list[str] = []
    if isinstance(value, dict) and any(key.startswith("$") for key in value):
        for key, operand in value.items():
            if key not in FILTERS:
                found.append(f"the operator {key}")
            elif key == "$not":
                found += _of_condition(operand, where)
            elif key == "$elemMatch":
                plain = not any(inner.startswith("$") for inner in operand)
                found += _of_filter(operand, frozenset(), where) if plain else _of_condition(operand, where)
    return found


def _of_update(update: Any) -> list[str]:
    if isinstance(update, list):
        # mongo_settling tries these, and does without where they are refused (test_jobs_settling_together)
        return [] if list(update[0]) == ["$replaceWith"] else ["an update by a pipeline"]
    operators = [key for key in update if key.startswith("$")]  # none: a document that replaces another
    found = [f"the update operator {key}" for key in operators if key not in UPDATES]
    for value in update.get("$push", {}).values():
        if isinstance(value, dict):
            found += [f"the modifier {key}" for key in value if key.startswith("$") and key not in PUSHED]
    for value in update.get("$pull", {}).values():
        found += _of_condition(value, "update")
    return found


def _of_pipeline(stages: list[Mapping[str, Any]], collection: str) -> list[str]:
    found: list[str] = []
    for stage in stages:
        for name, body in stage.items():
            if name not in STAGES:
                found.append(f"the stage {name}")
            elif name == "$match":
                found += _of_filter(body, SPARSE.get(collection, frozenset()), "match")
            else:
                found += _of_expression(body)
    return found


def _of_expression(value: Any) -> list[str]:
    if isinstance(value, str):
        variable = value.split(".", 1)[0]
        system = variable.startswith("$$") and variable[2:].isupper()  # variables of one's own begin in lower case
        return [f"the variable {variable}"] if system and variable not in VARIABLES else []
    if isinstance(value, list):
        return [refused for each in value for refused in _of_expression(each)]
    if not isinstance(value, dict):
        return []
    found: list[str] = []
    for key, operand in value.items():
        if key.startswith("$") and key not in EXPRESSIONS:
            found.append(f"the expression {key}")
        elif key != "$literal":
            found += _of_expression(operand)
    return found


def _of_index(index: Mapping[str, Any]) -> list[str]:
    found = [f"the index option {option}" for option in index if option not in INDEX_OPTIONS]
    found += [f"an index of kind {kind!r}" for kind in index["key"].values() if kind not in {1, -1}]
    found += [f"an index on {name}" for name in index["key"] if "$" in name]
    conditions = index.get("partialFilterExpression", {})
    for part in conditions.get("$and", [conditions]):
        for value in part.values():
            operators = value if isinstance(value, dict) else {}
            found += [f"{key} in a partial index" for key in operators if key not in PARTIAL or key == "$and"]
            if operators.get("$exists") is False:
                found.append("an absent field in a partial index")
    return found


class DocumentDbListener(monitoring.CommandListener):
    """Notes what DocumentDB would refuse of MRQ's own commands. What a test itself asks of MongoDB is its own affair.

    It can't raise: pymongo swallows what listeners raise.
    """

    def __init__(self) -> None:
        self.noted: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Called by pymongo before a command is sent."""
        try:
            found = refusals(event.command_name, event.command)
        except Exception as error:  # pymongo would swallow it, and nothing would be looked at
            found = [f"what {error!r} kept from being looked at"]
        if found:
            self._note(event.command_name, found)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing."""

    def _note(self, name: str, found: list[str]) -> None:
        stack = [each for each in traceback.extract_stack(sys._getframe(1)) if each.filename.startswith(PRODUCT)]
        if stack:
            places = ", ".join(f"{Path(each.filename).name}:{each.lineno}" for each in stack[-3:])
            self.noted.append(f"{name} ({places}): {', '.join(found)}")

    def take(self) -> list[str]:
        """What was noted since the last time."""
        noted, self.noted = self.noted, []
        return noted


LISTENER = DocumentDbListener()
monitoring.register(LISTENER)  # for all clients that are made from now on
