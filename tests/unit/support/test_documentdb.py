"""The listener that holds MRQ to what Amazon DocumentDB offers: what it lets through, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import documentdb
from support.documentdb import LISTENER, SPARSE, refusals

if TYPE_CHECKING:
    from mrq.app import App

JOBS = "mrq_jobs"


def aggregate(*stages: dict[str, Any]) -> dict[str, Any]:
    return {"aggregate": JOBS, "pipeline": list(stages)}


def find(**filters: Any) -> dict[str, Any]:
    return {"find": JOBS, "filter": {name.replace("__", "$"): value for name, value in filters.items()}}


def update(change: Any, **filters: Any) -> dict[str, Any]:
    return {"update": JOBS, "updates": [{"q": filters, "u": change}]}


def index(**options: Any) -> dict[str, Any]:
    return {"createIndexes": JOBS, "indexes": [{"name": "x", "key": {"a": 1}, **options}]}


REFUSED = [
    ({"mapReduce": JOBS}, "the command mapReduce"),
    ({"convertToCapped": "others"}, "the command convertToCapped"),
    ({"bulkWrite": 1}, "the command bulkWrite"),
    ({"distinct": JOBS, "key": "queue"}, "the command distinct"),
    ({"create": "others", "capped": True}, "the option capped"),
    ({**find(a=1), "collation": {}}, "the option collation"),
    (find(__where="1"), "the operator $where"),
    (find(a={"$near": []}), "the operator $near"),
    (find(a={"$not": {"$near": []}}), "the operator $near"),
    (find(__and=[{"__or": []}, {"a": {"$jsonSchema": {}}}]), "the operator $jsonSchema"),
    (find(a={"$elemMatch": {"b": {"$near": []}}}), "the operator $near"),
    (find(__expr={"$eq": [{"$dateTrunc": {}}, 1]}), "the expression $dateTrunc"),
    (find(dateretry={"$lte": 1}), "a find by dateretry without $exists, so not by its sparse index"),
    ({"delete": JOBS, "deletes": [{"q": {"$where": "1"}}]}, "the operator $where"),
    ({"count": JOBS, "query": {"$where": "1"}}, "the operator $where"),
    (update([{"$set": {"a": 1}}]), "an update by a pipeline"),
    (update({"$setField": {"a": 1}}), "the update operator $setField"),
    (update({"$push": {"a": {"$each": [], "$sortBy": 1}}}), "the modifier $sortBy"),
    (update({"$set": {}}, a={"$near": []}), "the operator $near"),
    ({"findAndModify": JOBS, "query": {}, "update": [{"$set": {}}]}, "an update by a pipeline"),
    (aggregate({"$facet": {}}), "the stage $facet"),
    (aggregate({"$merge": {}}), "the stage $merge"),
    (aggregate({"$set": {}}), "the stage $set"),
    (aggregate({"$match": {"a": {"$near": []}}}), "the operator $near"),
    (aggregate({"$group": {"_id": None, "n": {"$top": {}}}}), "the expression $top"),
    (aggregate({"$project": {"a": {"$cond": ["$b", "$$REMOVE", 1]}}}), "the variable $$REMOVE"),
    (index(key={"a": "hashed"}), "an index of kind 'hashed'"),
    (index(key={"$**": 1}), "an index on $**"),
    (index(collation={}), "the index option collation"),
    (index(wildcardProjection={}), "the index option wildcardProjection"),
    (index(partialFilterExpression={"a": {"$in": [1]}}), "$in in a partial index"),
    (index(partialFilterExpression={"a": {"$exists": False}}), "an absent field in a partial index"),
    (index(partialFilterExpression={"$and": [{"a": {"$type": "int"}}]}), "$type in a partial index"),
]  # fmt: skip

OFFERED = [
    find(a={"$in": [{"$near": 1}]}),  # a value, not an operator
    find(a=1, __or=[{"b": {"$exists": False}}, {"b": {"$not": {"$gt": 1}}}]),
    find(dateretry={"$lte": 1, "$exists": True}),
    find(_id={"$in": []}, dateretry={"$lte": 1}),
    update({"$set": {"params": {"$near": 1}}, "$push": {"a": {"$each": [], "$slice": -1}}}),
    update({"$pull": {"a": {"$in": []}}}),
    update({"_id": 1, "a": 2}),
    aggregate({"$match": {"a": 1}}, {"$group": {"_id": {"p": "$path"}, "n": {"$sum": 1}, "d": {"$push": "$$ROOT"}}}),
    aggregate({"$project": {"c": {"$filter": {"input": "$c", "as": "e", "cond": {"$eq": ["$$e.k", "a"]}}}}}),
    aggregate({"$project": {"c": {"$eq": ["$k", {"$literal": "$$X"}]}}}),
    index(sparse=True, expireAfterSeconds=0),
    index(partialFilterExpression={"a": "queued"}),
    index(partialFilterExpression={"$and": [{"a": {"$exists": True}}, {"b": {"$eq": 1}}]}),
    {"getMore": 1, "collection": JOBS},
    {"create": "mrq_logs", "capped": True},
]  # fmt: skip


@pytest.mark.parametrize(("command", "refused"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_documentdb_lacks_is_refused(command: dict[str, Any], refused: str) -> None:
    assert refused in refusals(next(iter(command)), command)


@pytest.mark.parametrize("command", OFFERED)
def test_what_documentdb_has_is_let_through(command: dict[str, Any]) -> None:
    assert refusals(next(iter(command)), command) == []


def test_commands_of_our_own_code_are_noted_with_their_place(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.jobs.queue_names()
    assert LISTENER.take() == []
    monkeypatch.setattr(documentdb, "STAGES", frozenset())
    app.jobs.queue_names()
    (noted,) = LISTENER.take()
    assert noted.startswith("aggregate (")
    assert "mongo_jobs.py:" in noted
    assert noted.endswith("the stage $match, the stage $group")


def test_a_command_that_could_not_be_looked_at_is_noted(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documentdb, "refusals", lambda name, command: 1 / 0)
    app.jobs.queue_names()
    assert "ZeroDivisionError" in LISTENER.take()[0]


def test_what_a_test_asks_itself_is_its_own_affair(app: App) -> None:
    list(app._database.mrq_jobs.aggregate([{"$facet": {"all": [{"$match": {}}]}}]))  # type: ignore[attr-defined]
    assert LISTENER.take() == []


def test_the_sparse_indexes_are_those_that_are_made(app: App) -> None:
    app.ensure_indexes()
    app.logs.prepare()
    database: Any = app._database  # type: ignore[attr-defined]
    made = {
        name: {index["key"][0][0] for index in database[name].index_information().values() if index.get("sparse")}
        for name in database.list_collection_names()
    }
    assert {name: fields for name, fields in made.items() if fields} == {name: set(of) for name, of in SPARSE.items()}
