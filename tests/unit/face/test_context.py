"""mrq.context: configuration, the current job, connections, sub-pools; all on stores in memory."""

from __future__ import annotations

import logging
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from mrq import context
from mrq.app import App, get_app, use_app
from mrq.context import (
    _GLOBAL_CONTEXT,
    Connections,
    connections,
    get_current_config,
    get_current_job,
    set_current_config,
    set_current_job,
    subpool_imap,
    subpool_map,
)
from mrq.domain.status import Status
from mrq.exceptions import ConfigError
from mrq.job import Job, queue_job
from mrq.testing import memory_app as app_in_memory
from mrq.testing import run_jobs
from support.waiting import wait_until
from unit.engine.kit import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("memory_app")


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def forgotten() -> Iterator[None]:
    yield
    use_app(None)


def run(tasks: Tasks, function: Callable[[dict[str, Any]], Any], **options: Any) -> Job:
    """Run a function as a job; the job, read back."""
    name = f"Job{len(vars(tasks.module))}"  # the app remembers the class behind a path
    job_id = queue_job(tasks.define(function, name, **options), {})
    run_jobs()
    return Job(job_id, fetch=True)


def data(job: Job) -> dict[str, Any]:
    assert job.data is not None
    return job.data


# ---- configuration


@pytest.mark.usefixtures("forgotten")
def test_the_current_configuration_is_the_very_dict_that_was_given() -> None:
    hooks: list[int] = []
    config = {"name": "me", "my_hooks": hooks}
    set_current_config(config)
    assert get_current_config() is config
    hooks.append(1)
    get_current_config()["later"] = 2
    assert (config["my_hooks"], config["later"]) == ([1], 2)
    assert _GLOBAL_CONTEXT["config"] is config


@pytest.mark.usefixtures("forgotten")
def test_an_empty_configuration_is_said(caplog: pytest.LogCaptureFixture) -> None:
    set_current_config({})
    with caplog.at_level(logging.WARNING):
        assert get_current_config() == {}
    assert "the configuration is empty" in caplog.text


@pytest.mark.usefixtures("forgotten")
def test_tables_of_the_config_file_are_the_files_own_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shared_objects.py").write_text(
        "SEEN = []\nTASKS = {}\ndef METRIC_HOOK(name, incr=1, **kw):\n    SEEN.append((name, incr, kw))\n"
    )
    context.setup_context(file_path="shared_objects.py", extra={"name": "extra"})
    import shared_objects

    context.metric("a.b", 3, tag="x")
    config = get_current_config()
    assert config["seen"] is shared_objects.SEEN
    assert config["tasks"] is shared_objects.TASKS
    assert config["seen"] == [("a.b", 3, {"tag": "x"})]
    assert config["name"] == "extra"


def test_set_logger_config_writes_to_stderr_once(capfd: pytest.CaptureFixture[str]) -> None:
    ours = logging.getLogger("mrq")
    before = (ours.handlers[:], ours.propagate, ours.level)
    try:
        with app_in_memory(log_format="<%(message)s>", log_level="INFO"):
            context.set_logger_config()
            context.set_logger_config()
            context.log.info("hello")
            context.log.debug("not this")
            context.enable_greenlet_tracing()
    finally:
        ours.handlers[:], ours.propagate = before[0], before[1]
        ours.setLevel(before[2])
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "<hello>"
    assert len(lines) == 2
    assert "start the worker with --trace_greenlets" in lines[1]


# ---- the current job


def test_the_current_job_is_one_object_for_as_long_as_it_runs(tasks: Tasks) -> None:
    def task(_: dict[str, Any]) -> bool:
        job = get_current_job()
        in_pool = subpool_map(2, lambda _: get_current_job(), range(3))
        return job is not None and all(seen is job for seen in in_pool)

    assert data(run(tasks, task))["result"] is True
    assert get_current_job() is None


def test_a_job_can_be_made_the_current_one_and_is_handed_to_sub_pools() -> None:
    job = Job(None)
    set_current_job(job)
    try:
        assert get_current_job() is job
        assert subpool_map(2, lambda _: get_current_job(), [1, 2]) == [job, job]
        seen: list[Job | None] = []
        other = threading.Thread(target=lambda: seen.append(get_current_job()))
        other.start()
        other.join()
        assert seen == [None]
    finally:
        set_current_job(None)
    assert get_current_job() is None


def test_a_task_may_unbind_and_bind_its_job(tasks: Tasks) -> None:
    def task(_: dict[str, Any]) -> list[bool]:
        job = get_current_job()
        set_current_job(None)
        without = get_current_job() is None
        set_current_job(job)
        context.set_current_job_progress(0.5)
        return [without, get_current_job() is job]

    assert data(run(tasks, task))["result"] == [True, True]


def test_jobs_are_found_by_the_thread_they_run_in(tasks: Tasks, memory_app: App) -> None:
    inside, go = threading.Event(), threading.Event()
    idents: list[int] = []

    def wait(_: object) -> None:
        idents.append(threading.get_ident())
        inside.set()
        assert go.wait(20)

    job_id = queue_job(tasks.define(lambda _: subpool_map(1, wait, [0])), {})
    worker = memory_app.worker(memory_app.runtime)
    context.set_current_worker(worker)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        assert inside.wait(20)
        job = get_current_job(idents[0])
        assert job is not None
        assert job.id == job_id
        # the job's own thread and the sub-pool's; the worker may note the former a little later
        wait_until(
            lambda: [found.id for _, found in _GLOBAL_CONTEXT["greenlets"].values()] == [job_id, job_id],
            what="both threads are known",
        )
        assert _GLOBAL_CONTEXT["worker"] is worker
        assert get_current_job(-1) is None
    finally:
        go.set()
        worker.stop.finish("the test is over")
        thread.join(20)
        context.set_current_worker(None)
    assert _GLOBAL_CONTEXT["greenlets"] == {}
    assert sorted(_GLOBAL_CONTEXT) == ["config", "greenlets", "worker"]
    with pytest.raises(KeyError):
        _GLOBAL_CONTEXT["jobs"]


# ---- sub-pools


@pytest.mark.parametrize("size", [0, None, 1, 3])
def test_a_sub_pool_of_any_size_gives_the_same(size: int | None) -> None:
    pairs = [(1, 2), (3, 4)]
    assert subpool_map(size, sum, pairs) == [3, 7]  # 0.9 unpacked the items when it had no pool
    assert list(subpool_imap(size, sum, iter(pairs))) == [3, 7]
    assert list(subpool_imap(size, list, pairs, flatten=True)) == [1, 2, 3, 4]
    assert sorted(subpool_imap(size, sum, pairs, unordered=True, buffer_size=1)) == [3, 7]


@pytest.mark.parametrize("size", [0, 2])
def test_what_an_item_or_the_iterable_raises_is_raised(size: int) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("items")

    with pytest.raises(ZeroDivisionError):
        subpool_map(size, lambda n: 1 // n, [1, 0])
    results = subpool_imap(size, str, items())
    assert next(results) == "1"
    with pytest.raises(LookupError, match="items"):
        next(results)


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="pool_size is a number of fibers"):
        subpool_map(-1, str, [])
    with pytest.raises(ValueError, match="buffer_size is a number of items"):
        subpool_imap(1, str, [], buffer_size=0)


def test_the_traceback_of_a_job_shows_the_line_inside_the_sub_pool(tasks: Tasks) -> None:
    def item(_: int) -> None:
        raise ValueError("x")  # INNER LINE

    def task(_: dict[str, Any]) -> None:
        subpool_map(3, item, range(10))  # OUTER LINE

    job = data(run(tasks, task))
    assert (job["status"], job["exceptiontype"]) == (Status.FAILED, "ValueError")
    assert "INNER LINE" in job["traceback"]
    assert "OUTER LINE" in job["traceback"]


def test_retries_and_aborts_from_inside_a_sub_pool_are_those_of_the_job(tasks: Tasks) -> None:
    job = run(tasks, lambda _: subpool_map(2, lambda _: context.abort_current_job(), [1, 2]))
    assert data(job)["status"] == Status.ABORT
    job = run(tasks, lambda _: subpool_map(2, lambda _: context.retry_current_job(delay=60), [1, 2]))
    assert (data(job)["status"], data(job)["retry_count"]) == (Status.RETRY, 1)


def test_a_time_out_ends_the_items_before_the_slot_is_free(tasks: Tasks) -> None:
    inside: list[int] = []

    def item(n: int) -> None:
        inside.append(n)
        try:
            while True:
                threading.Event().wait(0.001)
        finally:
            inside.remove(n)

    job = run(tasks, lambda _: subpool_map(3, item, range(9)), timeout=0.1)
    assert data(job)["status"] == Status.TIMEOUT
    assert inside == []


def test_a_sub_pool_that_a_task_leaves_open_ends_with_the_job(tasks: Tasks) -> None:
    inside: list[int] = []
    kept: list[Any] = []

    def item(n: int) -> None:
        if n == 0:
            return
        inside.append(n)
        try:
            while True:
                threading.Event().wait(0.001)
        finally:
            inside.remove(n)

    def task(_: dict[str, Any]) -> str:
        results = subpool_imap(3, item, range(9))
        next(results)
        wait_until(lambda: inside)
        kept.append(results)
        return "done"

    assert data(run(tasks, task))["result"] == "done"
    assert inside == []


def test_a_job_run_in_place_has_no_sub_pool_left_either(tasks: Tasks) -> None:
    assert context.run_task(tasks.define(lambda _: subpool_map(2, str, [1])), {}) == ["1"]


# ---- connections


class Client:
    """Stands for a client that the user made."""


@pytest.mark.usefixtures("forgotten")
def test_a_value_that_is_no_text_is_the_client_itself() -> None:
    client, database = Client(), Client()
    set_current_config({"redis": client, "mongodb_jobs": database, "redis_second": client, "mongodb_x": "0"})
    assert connections.redis is client
    assert connections.redis_second is client
    assert connections.mongodb_jobs is database
    assert connections.mongodb_logs is database
    assert connections.mongodb_x is None


@pytest.mark.usefixtures("forgotten")
def test_logs_may_have_a_database_of_their_own_or_none() -> None:
    logs = Client()
    set_current_config({"mongodb_logs": logs})
    assert connections.mongodb_logs is logs
    set_current_config({"mongodb_logs": "0"})
    assert connections.mongodb_logs is None
    assert hasattr(connections, "mongodb_logs")


def test_a_name_that_nobody_knows_says_what_to_do() -> None:
    with pytest.raises(AttributeError, match=r"set REDIS_THRID in the config file .* or give connections.add_factory"):
        connections.redis_thrid  # noqa: B018
    assert not hasattr(connections, "elasticsearch")
    assert not hasattr(connections, "__deepcopy__")


def test_factories_are_asked_once_until_a_reset() -> None:
    own = Connections()
    asked: list[str] = []

    def factory(name: str) -> object:
        asked.append(name)
        return Client() if name == "search" else None

    own.add_factory(lambda name: None)
    own.add_factory(factory)
    first = own.search
    assert own.search is first
    assert asked == ["search"]
    own.reset()
    assert own.search is not first
    assert not hasattr(own, "nothing")


@pytest.mark.usefixtures("forgotten")
def test_a_url_that_cant_be_read_names_its_setting() -> None:
    set_current_config({"mongodb_second": "postgres://x/y"})
    with pytest.raises(ConfigError, match="mongodb_second is no MongoDB url"):
        connections.mongodb_second  # noqa: B018


@pytest.mark.parametrize(("key", "part"), [("mongodb_jobs", "jobs"), ("redis", "locks")])
def test_what_mrq_itself_needs_cant_be_switched_off(key: str, part: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}=0"):
        getattr(App({key: "0"}), part)


def test_an_error_in_a_sub_pool_outside_of_a_job_keeps_its_place() -> None:
    def item(_: int) -> None:
        raise KeyError("x")  # HERE

    with pytest.raises(KeyError) as caught:
        subpool_map(2, item, [1])
    assert "# HERE" in "".join(traceback.format_exception(caught.value))
    assert get_app().runtime.current() == threading.get_ident()


def test_set_logger_config_knows_the_json_format(capfd: pytest.CaptureFixture[str]) -> None:
    ours = logging.getLogger("mrq")
    before = ours.handlers[:], ours.propagate, ours.level
    try:
        with app_in_memory(log_format="json"):
            context.set_logger_config()
            logging.getLogger("mrq.current").warning("password=hunter2")
    finally:
        ours.handlers[:], ours.propagate, level = before
        ours.setLevel(level)
    written = capfd.readouterr().err
    assert '"level": "WARNING"' in written
    assert "hunter2" not in written
