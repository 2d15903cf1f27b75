"""What a version keeps in MongoDB: a document of every kind, and every index. `python -m support.schema` in tests/
writes it down, once for each release; versions before and after it must get along with it."""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bson import json_util

from mrq.app import App, use_app
from mrq.domain.fleet import Decision, Fleet, FleetMemory
from mrq.domain.orders import Order, Verb
from mrq.domain.queuefigures import QueueFigures, RunTimes
from mrq.domain.schedule import Schedule
from mrq.domain.worker import WorkerRecord
from mrq.job import Job
from mrq.ports.audit import AuditEntry
from mrq.ports.deploys import Deploy
from mrq.ports.fleets import FleetRecord
from mrq.version import VERSION
from mrq_lambda.burst import drain
from support import upgradetasks as tasks
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymongo.database import Database

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "integration" / "upgrade" / "schemas"


def write_everything(app: App) -> None:
    """Leave a document of every kind in the database of the current app."""
    now = app.clock.now()
    app.ensure_indexes()
    tasks.note.queue("succeeds")
    tasks.fail.queue("fails")
    tasks.again.queue("retries")
    tasks.parent.queue("has a child")
    drain(app, {"queues": ["default"], "concurrency": 2, "max_generations": 0}, FakeContext())
    tasks.note.queue("waits")
    tasks.note.once("a key").queue("is keyed")
    tasks.note.queue_at(now + timedelta(hours=1), "is delayed")
    (dead,) = app.enqueuer.enqueue(
        "support.upgradetasks.note", [{"word": "was started by one that is gone"}], "default"
    )
    app.jobs.start(dead, app.jobs.new_id(), app.jobs.new_id(), now)
    Job(tasks.note.queue("is cancelled").id).cancel()
    app.schedules.put(Schedule("support.upgradetasks.note", {"word": "recurs"}, interval=3600), now)
    _around(app, now)


def _around(app: App, now: datetime) -> None:
    """What workers, agents, the dispatcher and the dashboard write."""
    worker = app.jobs.new_id()
    app.workers.register(WorkerRecord(worker, "container", now, 15.0, config={"queues": ["default"]}))
    app.orders.give(worker, Order(app.jobs.new_id(), Verb.RESUME, now))
    group = {"sizing": {"queues": ["default"], "target": {"backlog_per_worker": 10}}}
    app.agents.put_group("group", {**group, "ecs": {"cluster": "c", "service": "s"}})
    app.agents.report(app.jobs.new_id(), {"worker_group": "group", "status": "started", "current_workers": []}, 3600)
    figures = QueueFigures(12, 0.5, None, 4.0, RunTimes(1.0, 0.5, 2.0, 3.0))
    decision = Decision(3, 0, "more wait", FleetMemory(wanted=3, low_since=None, peak=4))
    app.fleets.save("group", FleetRecord(now, figures, Fleet(2, 1), decision), changed=True, seen=None)
    app.deploys.mark(Deploy("2026-11-30", now))
    entry = AuditEntry(app.jobs.new_id(), now, "somebody", "job.requeue", "a job", {"queue": "default"}, "why not", 1)
    app.audit.add(entry, now + timedelta(days=30))


def kind_of(collection: str, document: Mapping[str, Any]) -> str:
    """What distinguishes the documents of a collection."""
    if collection == "mrq_jobs":
        return f"{document['params']['word']}"
    return next((f"{name} {document[name]}" for name in ("res", "status") if name in document), "any")


def kinds_in(database: Database[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """A document of each kind, by collection."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name in sorted(database.list_collection_names()):
        for document in database[name].find().sort("_id"):
            found.setdefault(name, {}).setdefault(kind_of(name, document), document)
    return found


def indexes_in(database: Database[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Every index, by collection and name."""
    return {
        collection: {
            name: {key: value for key, value in about.items() if key not in {"v", "ns"}}
            for name, about in sorted(database[collection].index_information().items())
            if name != "_id_"
        }
        for collection in sorted(database.list_collection_names())
    }


def read_schema(version: str) -> dict[str, Any]:
    """What a version has left, with its times moved so far that it was written just now."""
    schema: dict[str, Any] = json_util.loads((SCHEMAS / f"{version}.json").read_text(encoding="utf-8"))
    later = datetime.now(UTC).replace(tzinfo=None) - schema.pop("written").replace(tzinfo=None)
    moved: dict[str, Any] = _moved(schema, later)
    return moved


def _moved(value: Any, later: timedelta) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None) + later
    if isinstance(value, dict):
        return {key: _moved(each, later) for key, each in value.items()}
    return [_moved(each, later) for each in value] if isinstance(value, list) else value


def main() -> None:
    """Write down the schema of this version."""
    from support.servers import running_servers

    with running_servers() as servers, servers.database() as url, servers.prefix() as prefix:
        app = App({"mongodb_jobs": url, "redis": servers.redis_url, "redis_prefix": prefix})
        use_app(app)
        write_everything(app)
        database = app._database  # type: ignore[attr-defined]
        schema = {
            "written": app.clock.now(),
            "indexes": indexes_in(database),
            "documents": {name: list(kinds.values()) for name, kinds in kinds_in(database).items()},
        }
        app.close()
    target = SCHEMAS / f"{VERSION}.json"
    text = json_util.dumps(schema, indent=1).replace(str(ROOT), "/src").replace(socket.gethostname(), "host")
    target.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{target}: {sum(map(len, schema['documents'].values()))} documents\n")


if __name__ == "__main__":
    main()
