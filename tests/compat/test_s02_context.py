"""Section 2: mrq.context."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from compat.kit import finished, in_status, token
from compat.tasks import Pool, Wrapped
from mrq import context
from mrq.context import connections, queue_job, subpool_imap, subpool_map
from mrq.job import Job
from support.waiting import wait_until

if TYPE_CHECKING:
    from compat.kit import CompatWorker, Site

# ---- configuration


def test_setup_context_takes_the_arguments_of_get_config(site: Site) -> None:
    context.setup_context(sources=(), config_type="worker", extra={"redis": site.redis_url, "of_my_own": 5})
    config = context.get_current_config()
    assert config["of_my_own"] == 5
    assert config["max_latency"] == 1.0  # a worker's setting


def test_setup_context_in_a_script_of_an_almost_empty_environment(site: Site) -> None:
    script = (
        "from mrq.context import setup_context, run_task, get_current_config\n"
        "setup_context()\n"
        "print(run_task('compat.tasks.Wrapped', {'value': 42})['wrapped'])\n"
        "print(get_current_config()['name'])\n"
    )
    done = site.run("python", "-c", script, MRQ_NAME="from the environment")
    assert done.stdout.endswith("42\nfrom the environment\n"), done.stderr


def test_get_current_config_is_one_dict_that_all_share(client: dict[str, Any]) -> None:
    assert context.get_current_config() is client
    client["added"] = 1
    assert context.get_current_config()["added"] == 1


def test_set_current_config_replaces_it(site: Site) -> None:
    other = site.client_config(of_my_own="new")
    context.set_current_config(other)
    assert context.get_current_config()["of_my_own"] == "new"


def test_get_config_is_found_in_the_context_module_too() -> None:
    assert context.get_config(sources=())["redis_prefix"] == "mrq"


# ---- what a task sees


def test_a_task_sees_its_job_its_worker_and_the_config(worker: CompatWorker, queue: str) -> None:
    job_id = queue_job("compat.tasks.About", {}, queue=queue)
    result = finished(job_id)["result"]
    assert result["job"] == job_id
    assert result["worker"] == worker.document["_id"]
    assert result["config"] == {"name": worker.name, "a_key_of_my_own": "kept as it is", "max_latency": 0.1}
    assert (result["job_queue"], result["job_path"]) == (queue, "compat.tasks.About")


def test_outside_a_job_there_is_none() -> None:
    assert context.get_current_job() is None
    assert context.get_current_worker() is None


def test_set_current_job_binds_a_job_here(queue: str) -> None:
    job = Job(queue_job("compat.tasks.Echo", {}, queue="nobody"))
    context.set_current_job(job)
    try:
        found = context.get_current_job()
        assert found is not None
        assert found.id == job.id
    finally:
        context.set_current_job(None)
    assert context.get_current_job() is None


def test_set_current_worker() -> None:
    mine: Any = object()
    context.set_current_worker(mine)
    try:
        assert context.get_current_worker() is mine
    finally:
        context.set_current_worker(None)


def test_retry_abort_and_progress_do_nothing_outside_a_job() -> None:
    context.retry_current_job()
    context.abort_current_job()
    context.set_current_job_progress(0.5, save=True)


def test_retry_current_job_with_all_its_arguments(worker: CompatWorker, queue: str, own: str) -> None:
    job_id = queue_job("compat.tasks.Again", {"delay": 60, "max_retries": 2, "queue": own}, queue=queue)
    document = finished(job_id)
    assert (document["status"], document["queue"], document["retry_count"]) == ("retry", own, 1)
    wait = (document["dateretry"] - document["dateupdated"]).total_seconds()
    assert wait == pytest.approx(60, abs=1)


def test_abort_current_job(worker: CompatWorker, queue: str) -> None:
    assert finished(queue_job("compat.tasks.Abort", {}, queue=queue))["status"] == "abort"


@pytest.mark.parametrize("save", [True, False])
def test_progress_is_stored_at_once_or_with_the_next_report(
    site: Site, worker: CompatWorker, queue: str, save: bool
) -> None:
    flag = token()
    job_id = queue_job("compat.tasks.Progress", {"save": save, "flag": flag}, queue=queue)
    in_status(job_id, "started")
    wait_until(lambda: (Job(job_id).fetch().data or {}).get("progress") == 0.25, 10)
    site.flag(flag)
    assert finished(job_id)["progress"] == 1


# ---- tasks and jobs


def test_run_task_runs_it_here_and_makes_no_job(site: Site) -> None:
    before = site.jobs.count_documents({})
    assert context.run_task("compat.tasks.Wrapped", {"value": 3}) == {"wrapped": 3}
    assert Wrapped().run_wrapped({"value": 4}) == {"wrapped": 4}
    assert site.jobs.count_documents({}) == before


# ---- sub-pools


def test_subpool_map_gives_results_in_order_one_item_a_call() -> None:
    assert subpool_map(3, lambda pair: pair, [(1, 2), (3, 4), (5, 6)]) == [(1, 2), (3, 4), (5, 6)]


@pytest.mark.parametrize("size", [0, None])
def test_without_a_size_the_calls_follow_one_another(size: Any) -> None:
    assert subpool_map(size, lambda pair: pair, [(1, 2), (3, 4)]) == [(1, 2), (3, 4)]
    assert list(subpool_imap(size, lambda n: n * 2, [1, 2])) == [2, 4]


def test_subpool_imap_flattens_and_may_be_unordered() -> None:
    twice = subpool_imap(2, lambda n: [n, n], [1, 2, 3], flatten=True, unordered=True, buffer_size=1)
    assert sorted(twice) == [1, 1, 2, 2, 3, 3]
    assert list(subpool_imap(2, lambda n: [n, n], [1, 2], flatten=True)) == [1, 1, 2, 2]


def test_failures_of_items_and_of_the_iterable_reach_the_consumer() -> None:
    def items() -> Any:
        yield 1
        raise KeyError("the iterable")

    with pytest.raises(ZeroDivisionError):
        list(subpool_imap(5, lambda n: 1 / n, [1, 0]))
    with pytest.raises(KeyError, match="the iterable"):
        list(subpool_imap(5, lambda n: n, items()))
    with pytest.raises(ZeroDivisionError):
        subpool_map(5, lambda n: 1 / n, [1, 0])


@pytest.mark.parametrize("kind", ["map", "imap"])
def test_sub_pools_see_the_job(worker: CompatWorker, queue: str, kind: str) -> None:
    params = {"size": 3, "items": ["job", "job"], **({"imap": True} if kind == "imap" else {})}
    job_id = queue_job("compat.tasks.Pool", params, queue=queue)
    assert finished(job_id)["result"] == [str(job_id)] * 2


def test_sub_pools_work_outside_a_job() -> None:
    assert Pool().run({"size": 2, "items": ["job", 1]}) == [None, 1]


def test_items_of_a_sub_pool_run_at_the_same_time(worker: CompatWorker, queue: str) -> None:
    document = finished(queue_job("compat.tasks.Pool", {"size": 20, "items": [0.5] * 20}, queue=queue))
    assert document["result"] == [0.5] * 20
    assert document["totaltime"] < 5


# ---- connections


def test_connections_are_clients_of_the_servers(site: Site) -> None:
    assert connections.redis.ping()
    assert connections.mongodb_jobs.name == site.database.name
    assert connections.mongodb_logs is connections.mongodb_jobs  # "1" means: the same


def test_any_key_that_starts_with_redis_or_mongodb_is_a_connection(worker: CompatWorker, queue: str) -> None:
    """And what is read from Redis is bytes; the number after the slash is the database."""
    job_id = queue_job("compat.tasks.Bytes", {"key": f"compat-{token()}"}, queue=queue)
    assert finished(job_id)["result"] == [b"value", b"value", b"other"]


def test_zero_means_no_connection(site: Site) -> None:
    context.set_current_config(site.client_config(mongodb_logs="0", mongodb_other="0"))
    assert connections.mongodb_logs is None
    assert connections.mongodb_other is None


def test_a_value_that_is_no_text_is_the_connection(site: Site) -> None:
    mine = object()
    context.set_current_config(site.client_config(redis_mine=mine))
    assert connections.redis_mine is mine


def test_reset_makes_connections_anew() -> None:
    first = connections.redis
    assert connections.redis is first
    connections.reset()
    assert connections.redis is not first
    assert connections.redis.ping()


def test_a_factory_makes_other_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_factories", [])  # they are the process's: later tests have others
    asked: list[str] = []

    def factory(name: str) -> Any:
        asked.append(name)
        return f"made {name}" if name.startswith("search") else None

    connections.add_factory(factory)
    assert connections.search_first == "made search_first"
    assert connections.search_first == "made search_first"
    assert asked == ["search_first"]
    with pytest.raises(AttributeError):
        _ = connections.something_else


def test_the_logger_for_tasks() -> None:
    assert isinstance(context.log, logging.Logger)
    assert context.log.name == "mrq.current"


def test_the_global_context_can_be_read() -> None:
    """A task of MRQ 0.9's own test suite does it."""
    assert context._GLOBAL_CONTEXT["greenlets"] == {}
    assert context._GLOBAL_CONTEXT["config"] is context.get_current_config()
    assert context._GLOBAL_CONTEXT["worker"] is None
