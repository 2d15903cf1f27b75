"""`mrq doctor` beside servers that are well, that are not there, and that are killed."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.cli import checks, raw_checks
from mrq.domain.fleet import Decision, Fleet, FleetMemory
from mrq.domain.queuefigures import QueueFigures
from mrq.domain.queuename import parse_queue
from mrq.domain.schedule import Schedule
from mrq.domain.worker import WorkerRecord
from mrq.embedded import EmbeddedMongo
from mrq.ports.fleets import FleetRecord
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Mrq

    from mrq.app import App


def lines_about(out: str, what: str) -> list[str]:
    return [line for line in out.splitlines() if line[9:].startswith(what)]


@pytest.fixture
def app(app: App) -> App:
    """With every index."""
    app.ensure_indexes()
    return app


@pytest.mark.usefixtures("configured", "app")
def test_all_is_well(mrq: Mrq) -> None:
    code, out, _ = mrq("doctor")
    assert code == 0, out
    assert out.endswith("\nAll is well.\n")
    assert "problem" not in out
    assert "MongoDB " in lines_about(out, "MongoDB")[0]
    assert len(lines_about(out, "MongoDB")) == 3
    assert len(lines_about(out, "Redis")) == 2


@pytest.mark.usefixtures("configured")
def test_missing_indexes_are_named_and_made(mrq: Mrq) -> None:
    code, out, _ = mrq("doctor")
    assert code == 1
    assert "mrq_queued" in lines_about(out, "indexes")[0]
    assert "mrq doctor --fix" in out
    code, out, _ = mrq("doctor", "--fix")
    assert code == 0, out
    assert "made: " in lines_about(out, "indexes")[0]


@pytest.mark.usefixtures("configured")
def test_an_index_that_large_logs_lack_is_named_and_made(mrq: Mrq, app: App) -> None:
    database = app._database
    database.mrq_logs.insert_one({"logs": "as an earlier version left it\n"})
    assert "missing: mrq_logs.mrq_followed;" in lines_about(mrq("doctor")[1], "indexes")[0]
    assert "made: mrq_followed" in lines_about(mrq("doctor", "--fix")[1], "indexes")[0]
    assert "mrq_followed" in database.mrq_logs.index_information()
    assert mrq("doctor")[0] == 0


@pytest.mark.usefixtures("configured")
def test_queues_that_nobody_serves(mrq: Mrq, app: App) -> None:
    app.enqueuer.enqueue("t.A", [{}, {}], "low")
    app.enqueuer.enqueue("t.A", [{}], "high/a")
    code, out, _ = mrq("doctor")
    assert code == 1
    assert "2 jobs wait in 'low', which no worker serves" in out
    assert "1 job waits in 'high/a'" in out
    assert "mrq worker low" in out

    config = {"queues": ["low_reverse", "high/"]}
    app.workers.register(WorkerRecord(app.jobs.new_id(), "w", app.clock.now(), 15.0, config))
    code, out, _ = mrq("doctor")
    assert code == 0, out
    assert "1 alive, on high/ low_reverse" in out
    assert "3 jobs waiting, all served" in out


@pytest.mark.usefixtures("configured")
def test_worker_groups_and_their_agents(mrq: Mrq, app: App) -> None:
    app.agents.put_group("crawlers", {"commands": ["mrq-worker a --processes 2"]})
    app.agents.put_group("asleep", {"commands": []})
    code, out, _ = mrq("doctor")
    assert code == 1
    asleep, crawlers = lines_about(out, "worker groups")
    assert (asleep[:2], crawlers[:7]) == ("ok", "problem")
    assert "crawlers: 2 workers on no agent" in crawlers
    assert "mrq agent --worker_group crawlers" in out

    app.agents.report(app.jobs.new_id(), {"worker_group": "crawlers", "status": "started"}, 60)
    code, out, _ = mrq("doctor")
    assert code == 0, out
    assert "crawlers: 2 workers on 1 agent" in out
    app.agents.put_group("crawlers", {"commands": ["mrq-worker 'a"]})
    assert "worker group 'crawlers': commands[0]" in mrq("doctor")[1]


@pytest.mark.usefixtures("configured")
def test_worker_groups_of_a_dispatcher_say_when_it_does_not_size_them(mrq: Mrq, app: App) -> None:
    sizing = {"queues": ["default"], "target": {"oldest_wait": 60}}
    app.agents.put_group("g", {"sizing": sizing, "ecs": {"cluster": "c", "service": "s"}})
    code, out, _ = mrq("doctor")
    assert code == 1
    assert "g: no dispatcher has ever sized it" in out
    assert "mrq_lambda.dispatcher.handler" in out
    decision = Decision(2, 0, "stay at 2 containers", FleetMemory())
    record = FleetRecord(app.clock.now(), QueueFigures(), Fleet(), decision)
    assert app.fleets.save("g", record, changed=True, seen=None)
    code, out, _ = mrq("doctor")
    assert code == 0, out
    assert "g: stay at 2 containers" in out
    app.fleets.failed("g", "no service s")
    assert "g: no service s" in mrq("doctor")[1]
    old = replace(record, at=app.clock.now() - timedelta(minutes=6))
    assert app.fleets.save("g", old, changed=True, seen=app.fleets.last("g"))
    assert "g: not sized since" in mrq("doctor")[1]


@pytest.mark.usefixtures("configured")
def test_workers_that_fell_silent_do_not_count(mrq: Mrq, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.workers.register(WorkerRecord(app.jobs.new_id(), "w", app.clock.now(), 15.0, {"queues": ["low"]}))
    later = app.reports.now() + timedelta(minutes=1)
    monkeypatch.setattr("mrq.stores.mongo_reports.MongoJobReports.now", lambda _self: later)
    _, out, _ = mrq("doctor")
    assert "none alive" in lines_about(out, "workers")[0]
    # the same clock is now a minute ahead
    assert any("differ by 60.0 s" in line or "differ by 59." in line for line in lines_about(out, "MongoDB"))


RAW = """
def factory(payload):
    return {"path": "t.A", "params": {}}

RAW_QUEUES = {
    "mine_raw": {"job_factory": factory, "retry_queue": "mine"},
    "bare_set": {},
}
"""


@pytest.mark.usefixtures("configured")
def test_payloads_that_nobody_serves(mrq: Mrq, app: App, tmp_path: Path) -> None:
    (tmp_path / "mrq-config.py").write_text(RAW.replace('"bare_set": {},', ""))
    for queue, payloads in (("mine_raw", [b"1"]), ("mine_raw/x", [b"1", b"2"]), ("once_timed_set", {b"1": 1.0})):
        app.raw.enqueue(parse_queue(queue), payloads)  # type: ignore[arg-type]
    app.raw.serve("once_timed_set")  # by a worker with another configuration, once
    code, out, _ = mrq("doctor")
    assert code == 1
    assert "1 payload waits in 'mine_raw', which no worker serves" in out
    assert "2 payloads wait in 'mine_raw/x', which no worker serves" in out
    assert "1 payload waits in 'once_timed_set'" in out
    assert "start one with `mrq worker mine_raw/x`" in out
    assert "3 problems." in out

    config = {"queues": ["mine_raw_reverse", "mine_raw/", "once_timed_set", "mine"]}
    app.workers.register(WorkerRecord(app.jobs.new_id(), "w", app.clock.now(), 15.0, config))
    code, out, _ = mrq("doctor")
    assert code == 0, out
    assert lines_about(out, "raw queues") == ["ok       raw queues     4 payloads waiting, all of them served"]


@pytest.mark.usefixtures("configured")
def test_raw_queues_that_can_not_work(mrq: Mrq, app: App, tmp_path: Path) -> None:
    (tmp_path / "mrq-config.py").write_text(RAW)
    code, out, _ = mrq("doctor")
    assert code == 1
    assert "RAW_QUEUES['bare_set'] has no job_factory" in out
    assert "to run again" not in out  # there is no worker at all
    for queues, states in ((["other"], ["note", "note"]), (["mine_raw/"], ["note", "problem"])):
        worker = app.jobs.new_id()
        app.workers.register(WorkerRecord(worker, "w", app.clock.now(), 15.0, {"queues": queues}))
        _, out, _ = mrq("doctor")
        assert "jobs of 'mine_raw' that are to run again wait in 'mine', which no worker serves" in out
        assert "jobs of 'bare_set' that are to run again wait in 'default'" in out
        assert sorted(line.split()[0] for line in lines_about(out, "raw queues") if "to run again" in line) == states
    app.workers.register(WorkerRecord(worker, "w", app.clock.now(), 15.0, {"queues": ["mine", "default"]}))
    assert "to run again" not in mrq("doctor")[1]


def test_only_some_subqueues_are_looked_at(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_checks, "MOST_SUBQUEUES", 3)
    app.raw.serve("many_raw")
    for number in range(5):
        app.raw.enqueue(parse_queue(f"many_raw/{number}"), [b"1"])
    found = raw_checks.check_raw_queues(app)
    assert [finding.state for finding in found] == ["problem"] * 3


def test_servers_that_are_not_there(mrq: Mrq) -> None:
    words = ["--mongodb_jobs", "mongodb://me:secret1@127.0.0.1:1/mrq", "--redis", "redis://:secret2@127.0.0.1:2"]
    code, out, _ = mrq("doctor", *words, "--server-timeout", "0.2")
    assert code == 1
    assert "no answer from mongodb://me:***@127.0.0.1:1/mrq within 0.2 s" in lines_about(out, "MongoDB")[0]
    assert "no answer from redis://:***@127.0.0.1:2" in lines_about(out, "Redis")[0]
    assert out.count("mrq up") == 2
    assert "MRQ_MONGODB_JOBS" in out
    assert "MRQ_REDIS" in out
    assert "secret" not in out
    assert "2 problems." in out
    assert not lines_about(out, "indexes")


def test_a_wrong_password(mrq: Mrq, mongodb_url: str, redis_url: str) -> None:
    words = ["--mongodb_jobs", mongodb_url.replace("mongodb://", "mongodb://me:secret1@"), "--redis", redis_url]
    code, out, _ = mrq("doctor", *words)
    assert code == 1
    assert "MongoDB refuses access: Authentication failed" in lines_about(out, "MongoDB")[0]
    assert "-> mend the user and password in MRQ_MONGODB_JOBS" in out
    assert "secret" not in out


def test_a_server_that_was_killed(mrq: Mrq, tmp_path: Path, redis_url: str) -> None:
    with EmbeddedMongo(tmp_path / "mongod") as mongo:
        words = ["doctor", "--mongodb_jobs", mongo.url, "--redis", redis_url, "--server_timeout", "2"]
        assert mrq(*words, "--fix")[0] == 0
        os.kill(mongo.pid, signal.SIGKILL)
        code, out, _ = mrq(*words)
    assert code == 1
    assert lines_about(out, "MongoDB")[0].startswith("problem")
    assert all(line.startswith("ok") for line in lines_about(out, "Redis"))


@pytest.mark.usefixtures("configured")
def test_a_bad_configuration(mrq: Mrq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MRQ_REDIS", "http://nowhere")
    code, out, _ = mrq("doctor", "--fix")
    assert code == 1
    assert "is no url that can be used" in lines_about(out, "Redis")[0]
    monkeypatch.setenv("MRQ_SERVER_TIMEOUT", "soon")
    code, out, _ = mrq("doctor")
    assert code == 1
    assert out.startswith("problem  configuration  ")
    assert "MRQ_SERVER_TIMEOUT" in out


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("MongoDB 4.4.1 at h:1, database mrq", "problem"),
        ("MongoDB 5.0.0 at h:1, database mrq", "ok"),
        ("MongoDB 8.0.1 at h:1, database mrq", "ok"),
        ("Redis 6.0.9 at h:1", "problem"),
        ("Redis 6.2.0 at h:1", "ok"),
        ("Valkey 9.1.2 at h:1", "ok"),
        ("something else", "ok"),
    ],
)
def test_versions(answer: str, state: str) -> None:
    assert checks._version("server", answer).state == state


class ReadOnly:
    """A store whose every call is refused."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_args: Any) -> Any:
            raise PermissionError(f"not authorized to {name} on mongodb://u:secret@h")

        return refuse


def test_what_may_not_be_written(app: App) -> None:
    for name in ("jobs", "locks"):
        vars(app)[name] = ReadOnly()
    for finding in (checks._may_write_jobs(app), checks._may_write_redis(app)):
        assert finding.state == "problem"
        assert "PermissionError: not authorized" in finding.text
        assert "secret" not in finding.text
        assert finding.mend


@pytest.mark.usefixtures("configured")
def test_jobs_that_failed_lately(mrq: Mrq, app: App) -> None:
    _, out, _ = mrq("doctor")
    assert lines_about(out, "jobs") == ["ok       jobs           none of the last 24 h has failed"]
    jobs = app.enqueuer.enqueue("no_such_module.Fetch", [{}, {}], "default")
    later = app.enqueuer.enqueue("no_such_module.Later", [{}], "default")
    app.tasks._configured["no_such_module.Later"] = {"retries": 1}  # type: ignore[index]
    run_jobs(app=app)
    code, out, _ = mrq("doctor")
    assert code == 0, out
    (line,) = lines_about(out, "jobs")
    assert line.endswith("2 jobs of the last 24 h failed; 1 job to run again later"), out
    assert "for example no_such_module.Fetch: mrq.exceptions.UnknownTaskError" in out
    assert f"see `mrq job {jobs[1]}`" in out
    assert app.jobs.fetch(later[0]).status.value == "retry"  # type: ignore[union-attr]


@pytest.mark.usefixtures("configured", "app")
def test_settings_without_capitals(mrq: Mrq, tmp_path: Path) -> None:
    (tmp_path / "mrq-config.py").write_text("greenlets = 5\nshop = 1\ndef name(): ...\nMAX_JOBS = 5\n")
    try:
        code, out, _ = mrq("doctor")
    finally:
        sys.modules.pop("mrq-config", None)
    assert code == 0, out
    (note,) = [line for line in lines_about(out, "configuration") if "capitals" in line]
    assert note.startswith("note     configuration  greenlets in mrq-config.py is no setting")
    assert note.endswith("did you mean GREENLETS?")


def test_servers_of_this_folder_that_the_settings_do_not_name(mrq: Mrq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "running_urls", lambda data: (f"mongodb://{data}", f"redis://{data}"))
    _, out, _ = mrq(
        "doctor", "--mongodb_jobs", "mongodb://127.0.0.1:1/mrq", "--server-timeout", "0.2", "--redis", "redis://.mrq"
    )
    assert "-> `mrq up` runs here: export MRQ_MONGODB_JOBS=mongodb://.mrq" in out
    assert "-> start one with `mrq up`" in out  # that is not what is wrong with Redis


@pytest.mark.usefixtures("configured")
def test_schedules_that_nobody_looks_at(mrq: Mrq, app: App, tmp_path: Path) -> None:
    assert lines_about(mrq("doctor")[1], "schedules") == []
    config = tmp_path / "schedules.py"
    config.write_text("SCHEDULER_TASKS = [{'path': 'mrq.basetasks.indexes.EnsureIndexes', 'interval': 60}]\n")
    code, out, _ = mrq("doctor", "--config", str(config))
    assert code == 1
    assert "SCHEDULER_TASKS has 1 schedule, and nobody has looked at it yet" in out
    assert "--scheduler" in out

    app.schedules.sync([Schedule("t.T", interval=60.0)], app.reports.now() - timedelta(minutes=6))
    code, out, _ = mrq("doctor")
    assert code == 1
    assert "one is due since" in lines_about(out, "schedules")[0]
    app.scheduler().tick(app.reports.now())
    code, out, _ = mrq("doctor")
    assert lines_about(out, "schedules")[0].startswith("ok")
