"""@task: functions that can be queued, and what they refuse."""

from __future__ import annotations

import functools
import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.status import Status
from mrq.exceptions import (
    ConfigError,
    InvalidParamsError,
    InvalidQueueError,
    JobFailedError,
    JobNotFoundError,
    WaitTimeoutError,
)
from mrq.task import task
from mrq.testing import memory_app as memory
from mrq.testing import run_jobs
from unit.face import sampletasks
from unit.face.sampletasks import add, fetch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from mrq.app import App

HERE = "unit.face.sampletasks"


def queued(app: App) -> int:
    return sum(app.jobs.count_by_queue(Status.QUEUED).values())


def test_a_task_is_still_a_function() -> None:
    assert add(1, b=2) == 3
    assert add.__name__ == "add"
    assert add.__doc__ == "Add two numbers."
    assert str(inspect.signature(add)) == str(inspect.signature(add._function))


def test_its_path_is_where_workers_find_it() -> None:
    assert add.path == f"{HERE}.add"


def test_arguments_are_stored_by_name(memory_app: App) -> None:
    record = memory_app.jobs.fetch(add.queue(1, b=2).id)
    assert record is not None
    assert (record.path, record.params, record.queue) == (add.path, {"a": 1, "b": 2}, "default")


def test_defaults_are_left_to_the_function(memory_app: App) -> None:
    record = memory_app.jobs.fetch(add.queue(1).id)
    assert record is not None
    assert record.params == {"a": 1}


def test_further_named_arguments_are_arguments(memory_app: App) -> None:
    job = fetch.queue("https://example.org", agent="x")
    run_jobs("crawl")
    assert job.result(timeout=0) == {"url": "https://example.org", "depth": 1, "headers": {"agent": "x"}}


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"c": 2}, "got an unexpected keyword argument 'c'"),
        ((1,), {"a": 2}, "multiple values for argument 'a'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_the_signature(
    memory_app: App, args: tuple[Any, ...], kwargs: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidParamsError) as caught:
        add.queue(*args, **kwargs)
    text = str(caught.value)
    assert text.startswith(f"{HERE}.add(a: 'int', b: 'int' = 1) -> 'int': ")
    assert said in text
    assert text.endswith("nothing was queued")
    assert isinstance(caught.value, TypeError)
    assert queued(memory_app) == 0


def test_many_are_queued_in_order(memory_app: App) -> None:
    jobs = add.queue_many({"a": n} for n in range(5))
    run_jobs()
    assert [job.result(timeout=0) for job in jobs] == [1, 2, 3, 4, 5]
    assert add.queue_many([]) == []


@pytest.mark.parametrize("bad", [{"c": 1}, {}, {"a": object()}])
def test_of_many_either_all_are_queued_or_none(memory_app: App, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidParamsError):
        add.queue_many([{"a": 1}, {"a": 2}, bad])
    assert queued(memory_app) == 0


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        (["a"], "calls[0] for unit.face.sampletasks.add should be a dict of named arguments, not str"),
        ([{"a": 1}, {"b": 1}], "calls[1]: unit.face.sampletasks.add(a: 'int', b: 'int' = 1) -> 'int': missing"),
        ([{"a": 1}, {"a": 1, 5: 2}], "calls[1]: unit.face.sampletasks.add"),
    ],
)
def test_of_many_the_wrong_one_is_named(memory_app: App, calls: Any, said: str) -> None:
    with pytest.raises(InvalidParamsError, match=re.escape(said)):
        add.queue_many(calls)
    assert queued(memory_app) == 0


def test_a_queue_must_have_a_name() -> None:
    def nested() -> None: ...

    with pytest.raises(InvalidQueueError):
        task(queue="")(at_top_level(nested))


def test_options_reach_the_worker(memory_app: App) -> None:
    options = memory_app.tasks.loaded_options(fetch.path)
    assert (options.timeout, options.retries, options.retry_delay, options.result_ttl) == (60, 2, 5, 7)
    assert (options.queue, options.exclusive) == ("crawl", True)
    assert memory_app.tasks.loaded_options(add.path).timeout == 3600


def test_the_queue_is_the_configured_one_then_the_tasks_own_then_default() -> None:
    with memory(tasks={fetch.path: {"queue": "configured", "timeout": 9}}) as app:
        fetch.queue("u")
        add.queue(1)
        assert app.jobs.count_by_queue(Status.QUEUED) == {"configured": 1, "default": 1}
        assert app.tasks.loaded_options(fetch.path).timeout == 9
    with memory() as app:
        fetch.queue("u")
        assert app.jobs.count_by_queue(Status.QUEUED) == {"crawl": 1}


# ---- what can't be a task


def test_lambdas_are_refused() -> None:
    with pytest.raises(TypeError, match="needs a function at the top level"):
        task(lambda: None)


def test_nested_functions_are_refused() -> None:
    with pytest.raises(TypeError, match=r"<locals>\.inner can't be imported by workers"):

        @task
        def inner() -> None: ...


def test_methods_are_refused() -> None:
    class Thing:
        def method(self) -> None: ...

    Thing.method.__qualname__ = "Thing.method"
    with pytest.raises(TypeError, match=r"Thing\.method can't be imported"):
        task(Thing.method)


def at_top_level(function: Any) -> Any:
    function.__qualname__ = function.__name__
    return function


def test_parameters_without_a_name_are_refused() -> None:
    def positional(a: int, /, b: int) -> None: ...
    def variable(*rest: int) -> None: ...

    with pytest.raises(TypeError, match=r"@task positional: parameter a.* has no name to store its value under"):
        task(at_top_level(positional))
    with pytest.raises(TypeError, match=r"parameter \*rest"):
        task(queue="q")(at_top_level(variable))


def test_functions_whose_call_runs_nothing_are_refused() -> None:
    async def coroutine() -> None: ...
    async def stream() -> AsyncIterator[int]:
        yield 1

    def generator() -> Iterator[int]:
        yield 1

    for function, said in (
        (coroutine, "coroutine: workers don't run async functions"),
        (stream, "stream: workers don't run async functions"),
        (generator, "generator: a function that yields has no result"),
    ):
        with pytest.raises(TypeError, match=said):
            task(timeout=5)(at_top_level(function))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": "60"}, "nested: timeout='60' should be a number, not str"),
        ({"timeout": -1}, "timeout=-1 should be 0 or more"),
        ({"retry_delay": float("nan")}, "retry_delay=nan should be 0 or more"),
        ({"retries": 1.5}, "retries=1.5 should be int, not float"),
        ({"result_ttl": True}, "result_ttl=True should be a number, not bool"),
        ({"queue": 5}, "queue=5 should be str, not int"),
        ({"exclusive": "yes"}, "exclusive='yes' should be bool, not str"),
        ({"timout": 60}, "there is no option 'timout'; did you mean timeout?"),
        ({"max_concurency": 1}, "there is no option 'max_concurency'; did you mean max_concurrency?"),
        ({"colour": 1}, "there is no option 'colour'; there are queue, timeout"),
    ],
)
def test_wrong_options_are_refused_where_they_stand(options: dict[str, Any], said: str) -> None:
    def nested() -> None: ...

    nested.__qualname__ = "nested"
    with pytest.raises(TypeError, match=f"@task {'' if 'nested' in said else 'nested: '}{re.escape(said)}"):
        task(**options)(nested)


def test_an_option_of_none_is_not_set() -> None:
    def nested() -> None: ...

    nested.__qualname__ = "nested"
    assert task(timeout=None, queue=None)(nested).mrq_task_class.mrq_options == {}


def test_the_module_of_a_script_is_its_file() -> None:
    from mrq.task import _module_of

    function = functools.partial(print)
    function.__module__ = "mrq_no_main"
    assert _module_of(function) == "mrq_no_main"


# ---- handles


def test_a_handle_follows_its_job(memory_app: App) -> None:
    job = add.queue(20, 22)
    assert job.status() is Status.QUEUED
    run_jobs()
    assert job.status() is Status.SUCCESS
    assert job.result(timeout=0) == 42
    assert repr(job) == f"<job {job.id}>"


def test_waiting_has_an_end(memory_app: App) -> None:
    job = add.queue(1)
    said = f"job {job.id} is still queued after 0.02 s, in the queue 'default'; `mrq doctor` says whether a worker"
    with pytest.raises(WaitTimeoutError, match=re.escape(said)):
        job.result(timeout=0.02)


def test_a_failed_job_raises_with_its_traceback(memory_app: App) -> None:
    job = sampletasks.fail.queue("no good")
    run_jobs()
    with pytest.raises(JobFailedError, match=r"ended as failed: ValueError") as caught:
        job.result(timeout=0)
    assert caught.value.status == "failed"
    assert "ValueError: no good" in (caught.value.traceback or "")
    assert "no good" in str(caught.value)


def test_a_retried_job_has_not_ended(memory_app: App) -> None:
    job = sampletasks.retry.queue()
    run_jobs()
    assert job.status() is Status.RETRY
    with pytest.raises(WaitTimeoutError, match="still retry"):
        job.result(timeout=0.01)


def test_a_job_that_is_gone_is_not_found(memory_app: App) -> None:
    job = add.queue(1)
    memory_app.jobs.remove_queue("default")
    for ask in (job.status, job.result):
        with pytest.raises(JobNotFoundError, match="it may have expired"):
            ask()


# ---- options


def test_a_value_that_makes_no_sense_is_refused_where_it_is_written() -> None:
    with pytest.raises(ConfigError, match="rate 'often' should be"):
        task(rate="often")(sampletasks.add._function)


def test_limits_and_retries_reach_the_workers(memory_app: App) -> None:
    limited = task(
        max_concurrency=3, on_limit="wait", rate="5/s", retry_on=(OSError, "a.B"), retry_backoff=3, retry_jitter=0
    )(sampletasks.add._function)
    loader = memory_app.tasks
    loader._classes[limited.path] = limited.mrq_task_class
    options = loader.options(limited.path)
    assert (options.max_concurrency, options.on_limit, options.rate) == (3, "wait", "5/s")
    assert options.retry_policy.on == (OSError, "a.B")
    assert limited.mrq_task_class.max_concurrency == 3


def test_the_configuration_wins_over_the_class() -> None:
    path = f"{HERE}.OnlyOne"
    with memory(tasks={path: {"max_concurrency": 5}}) as app:
        assert app.tasks.loaded_options(path).max_concurrency == 5
    with memory() as app:
        assert app.tasks.loaded_options(path).max_concurrency == 1
        assert app.tasks.loaded_options(path).retries == 2
