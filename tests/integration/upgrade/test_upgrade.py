"""What one version keeps in MongoDB, the versions before and after it get along with, also while workers of both run.

`schemas/` has what each version left, written by `python -m support.schema` at its release. A field or an index may be
added; one that is there keeps its name, its type and its meaning for one more version.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq import app_upkeep
from mrq.app import App, use_app
from mrq.domain.logplaces import LogPlace
from mrq.domain.stats import Resolution
from mrq.job import Job
from mrq_lambda.burst import drain
from support import upgradetasks as tasks
from support.lambdacontext import FakeContext
from support.schema import SCHEMAS, indexes_in, kind_of, kinds_in, read_schema, write_everything

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.database import Database

VERSIONS = sorted(path.stem for path in SCHEMAS.glob("*.json"))
Document = dict[str, Any]

# Fields and indexes that a version no longer writes, with the version that has stopped reading them.
GIVEN_UP: dict[str, str] = {}


@pytest.fixture(params=VERSIONS)
def schema(request: pytest.FixtureRequest) -> Document:
    """What a version has left."""
    return read_schema(request.param)


@pytest.fixture
def site(mongodb_url: str, redis_url: str, redis_prefix: str) -> Iterator[App]:
    """The current app, with an empty database."""
    app = App({"mongodb_jobs": mongodb_url, "redis": redis_url, "redis_prefix": redis_prefix, "mongodb_logs": "1"})
    use_app(app)
    yield app
    use_app(None)
    app.close()


def database_of(app: App) -> Database[Document]:
    database: Database[Document] = app._database  # type: ignore[attr-defined]
    return database


def leave(app: App, schema: Document, **more: Any) -> None:
    """As if that version had run until now. `more`: fields that it has besides, in every document."""
    database = database_of(app)
    for collection, indexes in schema["indexes"].items():
        for name, options in indexes.items():
            others = {key: value for key, value in options.items() if key != "key"}
            database[collection].create_index(options["key"], name=name, **others)
    for collection, documents in schema["documents"].items():
        database[collection].insert_many([{**document, **more} for document in documents])


def by_word(app: App) -> dict[str, Document]:
    return {document["params"]["word"]: document for document in database_of(app).mrq_jobs.find()}


def work(app: App) -> None:
    """A worker of today."""
    drain(app, {"queues": ["default"], "concurrency": 2, "max_generations": 0}, FakeContext())


def test_there_is_a_schema_of_a_version() -> None:
    assert VERSIONS


def test_jobs_of_another_version_are_worked(site: App, schema: Document) -> None:
    leave(site, schema)
    before = by_word(site)
    database_of(site).mrq_jobs.update_one({"status": "retry"}, {"$set": {"dateretry": site.clock.now()}})
    app_upkeep.tick(site, longest=0)
    work(site)
    after = by_word(site)
    changed = {word for word in before if before[word] != after[word]}
    assert changed == {"waits", "is keyed", "was started by one that is gone", "retries"}
    assert {after[word]["status"] for word in changed} == {"success"}
    for word in ("fails", "is cancelled"):
        Job(after[word]["_id"]).requeue()
    work(site)
    assert [by_word(site)[word]["status"] for word in ("fails", "is cancelled")] == ["failed", "success"]
    assert len(by_word(site)["fails"]["attempts"]) == 2


def test_all_else_that_it_left_is_read(site: App, schema: Document) -> None:
    leave(site, schema)
    jobs, now = by_word(site), datetime.now(UTC).replace(tzinfo=None)
    assert tasks.note.once("a key").queue("is keyed").id == jobs["is keyed"]["_id"]
    (failures,) = site.failures.groups()
    assert [each.id for each in site.failures.members(failures.fingerprint)] == [jobs["fails"]["_id"]]
    assert site.jobs.children(jobs["has a child"]["_id"], 10) == [jobs["has a child: this one"]["_id"]]
    assert site.logs is not None
    (lines,) = schema["documents"]["mrq_logs"]
    for place in (None, LogPlace()):
        assert [text.text for text in site.logs.read(job=lines["job"], after=place)] == [lines["logs"]]
    (schedule,) = site.schedules.page(0, 10)
    assert (schedule.schedule.interval, schedule.next is not None) == (3600, True)
    assert site.agents.group("group") is not None
    assert len(site.agents.living("group")) == 1
    fleet = site.fleets.last("group")
    assert fleet is not None
    assert (fleet.decision.containers, fleet.figures.waiting) == (3, 12)
    assert [entry.what for entry in site.audit.page(10)] == ["job.requeue"]
    hour = timedelta(hours=1)
    assert [mark.version for mark in site.deploys.between(now - hour, now + hour)] == ["2026-11-30"]
    (worker,) = site.workers.alive(10)
    assert [order.verb.value for order in site.orders.given(worker["_id"])] == ["resume"]
    assert site.stats is not None
    (period,) = site.stats.read(Resolution.WORKER, now - hour, now + hour, limit=10)
    assert period.tally.counts


def test_fields_of_a_later_version_are_passed_over_and_kept(site: App, schema: Document) -> None:
    later = {"later": {"a": [1, {"b": None}]}, "dateoflater": datetime(2030, 1, 1)}
    leave(site, schema, **later)
    left = list(by_word(site).values())
    app_upkeep.tick(site, longest=0)
    work(site)
    Job(by_word(site)["fails"]["_id"]).requeue()
    work(site)
    for document in database_of(site).mrq_jobs.find({"_id": {"$in": [each["_id"] for each in left]}}):
        assert {name: document[name] for name in later} == later
        assert site.jobs.fetch(document["_id"]) is not None
    assert by_word(site)["waits"]["status"] == "success"
    assert site.schedules.page(0, 10)
    assert site.fleets.last("group")
    assert site.audit.page(10)
    assert site.workers.alive(10)


def test_indexes_are_added_and_none_is_changed(site: App, schema: Document) -> None:
    leave(site, schema)
    site.ensure_indexes()
    assert site.jobs.missing_indexes() == []
    now = indexes_in(database_of(site))
    for collection, indexes in schema["indexes"].items():
        assert {name: now[collection][name] for name in indexes} == _plain(indexes)


def test_todays_own_indexes_by_the_same_name_are_the_same(site: App, schema: Document) -> None:
    """An index that another version needs is there wherever this one made them, with the same keys and options."""
    write_everything(site)
    now = indexes_in(database_of(site))
    for collection, indexes in schema["indexes"].items():
        for name, options in _plain(indexes).items():
            if f"{collection}.{name}" not in GIVEN_UP:
                assert now[collection].get(name) == options, f"{collection}.{name}: give a changed index another name"


def test_todays_documents_have_all_that_another_version_reads(site: App, schema: Document) -> None:
    write_everything(site)
    now = kinds_in(database_of(site))
    missing = []
    for collection, documents in schema["documents"].items():
        today = list(now[collection].values())
        for document in documents:
            same = _same_kind(collection, document, today)
            missing += [
                f"{collection}.{name} of {document.get('params') or document['_id']}"
                for name, value in document.items()
                if f"{collection}.{name}" not in GIVEN_UP and type(same.get(name)) is not type(value)
            ]
    assert missing == []


def _same_kind(collection: str, document: Document, today: list[Document]) -> Document:
    return next((each for each in today if kind_of(collection, each) == kind_of(collection, document)), {})


def _plain(indexes: Document) -> Document:
    """As pymongo tells of indexes: the keys as pairs."""
    return {
        name: {key: [tuple(pair) for pair in value] if key == "key" else value for key, value in options.items()}
        for name, options in indexes.items()
    }
