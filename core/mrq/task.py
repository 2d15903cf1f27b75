"""Tasks: kinds of jobs. A class with `run(params)`, as in MRQ 0.9, or a plain function under `@task`.

from mrq.task import task

@task(queue="crawl", timeout=60, retries=3)
def fetch(url: str, depth: int = 1) -> int: ...

job = fetch.queue("https://example.org", depth=2)   # checked against the signature, then queued
job.result(timeout=30)                              # an int
"""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeAlias, TypeVar, overload

from mrq.app import get_app
from mrq.domain.queuename import parse_queue
from mrq.domain.task import Task
from mrq.engine.given import moment, span
from mrq.engine.mainscript import what_is_wrong_with_main
from mrq.exceptions import InvalidParamsError
from mrq.job import JobHandle
from mrq.settings.tables import TASK, complaint_about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta

__all__ = ["KeyedCall", "Task", "TaskFunction", "task"]

P = ParamSpec("P")
R = TypeVar("R")

ExceptionKinds: TypeAlias = "type[BaseException] | str | Sequence[type[BaseException] | str]"
"""One kind of exceptions or several: classes, or their dotted names."""


class TaskFunction(Generic[P, R]):
    """A function that can also be queued. Calling it runs it here and now, as any function."""

    def __init__(self, function: Callable[P, R], options: Mapping[str, Any]) -> None:
        self._function = function
        self._signature = inspect.signature(function)
        _refuse_what_has_no_name(function, self._signature)
        _refuse_what_runs_later(function)
        _refuse_wrong_options(function.__qualname__, options)
        self.path = f"{_module_of(function)}.{function.__qualname__}"
        """The name under which workers find it."""
        self.mrq_task_class = _class_around(function, options)
        self._queue = options.get("queue")
        self._in_script = function.__module__ == "__main__"
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it here and now."""
        return self._function(*args, **kwargs)

    def queue(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Queue one job with these arguments.

        `_key` among them gives the job a key, and `_key_ttl` says how long it holds after the job's end; type
        checkers like `f.once(key, ttl).queue(...)` better, which does the same.

        Raises:
            InvalidParamsError: the arguments don't fit the function, or can't be stored; nothing was queued.
        """
        return self._queue_call(args, kwargs, None)

    def queue_at(self, when: datetime, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Like `queue`, but the job doesn't start before `when` (without a time zone: UTC).

        Raises:
            InvalidParamsError: as `queue` does, and for a `when` that is no datetime.
        """
        return self._queue_call(args, kwargs, moment("when", when))

    def queue_many(self, calls: Iterable[Mapping[str, Any]], *, key_ttl: float | timedelta = 0) -> list[JobHandle[R]]:
        """Queue many jobs, each with the named arguments of one dict. All are checked before any is queued.

        A `_key` in a dict is that job's key; `key_ttl`: for how long after its job's end each holds (seconds, or a
        timedelta).

        Raises:
            InvalidParamsError: one of them is wrong; the message has its index. Nothing was queued.
        """
        each = [self._named(index, call) for index, call in enumerate(calls)]
        return self._enqueue([params for params, _ in each], [key for _, key in each], span("key_ttl", key_ttl), None)

    def _named(self, index: int, call: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        if not isinstance(call, Mapping):
            raise InvalidParamsError(
                f"calls[{index}] for {self.path} should be a dict of named arguments, not {type(call).__name__}; "
                "nothing was queued"
            )
        arguments, about = self._without(call, "_key")
        try:
            return self._params((), arguments), about.get("_key")
        except InvalidParamsError as error:
            raise InvalidParamsError(f"calls[{index}]: {error}") from error

    def once(self, key: str, ttl: float | timedelta = 0) -> KeyedCall[P, R]:
        """The same task, to be queued under a key: `f.once("daily").queue(...)`.

        While a job of this task with this key waits, runs or is to be retried, and for `ttl` (seconds, or a
        timedelta) after its end, queueing gives that job again.

        Raises:
            InvalidParamsError: `ttl` is negative, or no length of time.
        """
        return KeyedCall(self, key, span("ttl", ttl))

    def _queue_call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], due: datetime | None) -> JobHandle[R]:
        call, about = self._without(kwargs, "_key", "_key_ttl")
        ttl = span("_key_ttl", about.get("_key_ttl", 0))
        return self._enqueue([self._params(args, call)], [about.get("_key")], ttl, due)[0]

    def _without(self, kwargs: Mapping[str, Any], *names: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The arguments for the function, and those of the given names, if the function has none so called."""
        ours = {name for name in names if name in kwargs and name not in self._signature.parameters}
        call = {name: value for name, value in kwargs.items() if name not in ours}
        return call, {name: kwargs[name] for name in ours}

    def _params(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidParamsError(f"{self.path}{self._signature}: {error}; nothing was queued") from error
        params = dict(bound.arguments)
        for name, parameter in self._signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                params.update(params.pop(name, {}))
        return params

    def _enqueue(
        self, params_list: list[dict[str, Any]], keys: list[Any], key_ttl: float, due: datetime | None
    ) -> list[JobHandle[R]]:
        if self._in_script and (doubt := what_is_wrong_with_main()):
            warnings.warn(f"{self.path} is queued, but {doubt}", stacklevel=4)
        app = get_app()
        configured = app.settings.tasks.get(self.path, {}).get("queue")
        queue = configured or self._queue or "default"
        terms = app.key_terms(self.path, keys, key_ttl) if any(key is not None for key in keys) else None
        ids = app.enqueuer.enqueue(self.path, params_list, queue, due=due, terms=terms)
        return [JobHandle(job_id, app) for job_id in ids]


class KeyedCall(Generic[P, R]):
    """A task function with a key: see `TaskFunction.once`."""

    def __init__(self, function: TaskFunction[P, R], key: str, ttl: float) -> None:
        self._function = function
        self._about: dict[str, Any] = {"_key": key, "_key_ttl": ttl}

    def queue(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Queue the job, or find the one that has the key. Raises as `TaskFunction.queue` does."""
        queue: Any = self._function.queue  # the key is no argument of the function
        handle: JobHandle[R] = queue(*args, **kwargs, **self._about)
        return handle


@overload
def task(function: Callable[P, R], /) -> TaskFunction[P, R]: ...


@overload
def task(
    *,
    queue: str | None = None,
    timeout: float | None = None,
    retries: int | None = None,
    retry_delay: float | None = None,
    result_ttl: float | None = None,
    exclusive: bool | None = None,
    retry_backoff: float | None = None,
    retry_max_delay: float | None = None,
    retry_jitter: float | None = None,
    retry_on: ExceptionKinds | None = None,
    retry_not_on: ExceptionKinds | None = None,
    max_concurrency: int | None = None,
    on_limit: Literal["end", "wait"] | None = None,
    rate: str | None = None,
    burst_limit: float | None = None,
    default_ttl: float | None = None,
    abort_ttl: float | None = None,
    cancel_ttl: float | None = None,
    max_retries: int | None = None,
) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...


def task(
    function: Callable[P, R] | None = None,
    /,
    **options: Any,
) -> TaskFunction[P, R] | Callable[[Callable[P, R]], TaskFunction[P, R]]:
    """Make a task of a function at the top level of a module.

    Args:
        function: the function, when the decorator is used without options.
        **options: `queue`: where its jobs go (default "default"). `timeout`: seconds a run may take (default
            `default_job_timeout`). `result_ttl`: seconds that a successful job is kept. `exclusive`: interrupt a
            run when its worker can't renew its lease, so that it never runs twice at once even in a network
            partition. `default_ttl`, `abort_ttl`, `cancel_ttl`, `max_retries`: those of MRQ 0.9.

            Retries: `retries`: how often a run that raised is followed by another (default 0). `retry_delay`:
            seconds before the first of them. `retry_backoff`: each further wait is so many times as long (2).
            `retry_max_delay`: no wait is longer, in seconds (3600). `retry_jitter`: up to this fraction of a wait
            is left out by chance (0.1). `retry_on`: only after these exceptions, classes or dotted names
            (default: every Exception). `retry_not_on`: not after these.

            Limits: `max_concurrency`: so many of its jobs run at once, over all workers. `on_limit`: one too many
            ends as `maxconcurrency` ("end", the default), or waits in its queue ("wait"). `rate`: how many may
            start in a time, such as "100/m" (s, m, h, d); the others wait.

            `burst_limit`: seconds that a run takes at most; AWS Lambda bursts take only jobs of which they know
            that they fit into the time left (default `default_job_burst_limit`).

    `TASKS` in the configuration overrides them.

    Raises:
        TypeError: an option is unknown or of a wrong type, or the function can't be a task; the message names it.
        ConfigError: an option's value makes no sense.
        InvalidQueueError: no queue can have this name.
    """
    if function is not None:
        return TaskFunction(function, options)
    return lambda decorated: TaskFunction(decorated, options)


def _refuse_what_has_no_name(function: Callable[..., Any], signature: inspect.Signature) -> None:
    """Params are stored by name, and workers import tasks by path: what has neither can't be a task."""
    name = getattr(function, "__qualname__", repr(function))
    if "<locals>" in name or "<lambda>" in name or "." in name:
        raise TypeError(f"@task needs a function at the top level of a module; {name} can't be imported by workers")
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            raise TypeError(f"@task {name}: parameter {parameter} has no name to store its value under")


def _refuse_what_runs_later(function: Callable[..., Any]) -> None:
    """A call of such a function only makes an object: its code would never run, and the job would be a success."""
    name = function.__qualname__
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"@task {name}: workers don't run async functions; use def, or asyncio.run() inside one")
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"@task {name}: a function that yields has no result; collect what it yields and return that")


def _refuse_wrong_options(name: str, options: Mapping[str, Any]) -> None:
    for option, value in options.items():
        if option not in TASK:
            close = difflib.get_close_matches(option, TASK, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(TASK)}"
            raise TypeError(f"@task {name}: there is no option {option!r}; {hint}")
        if complaint := complaint_about(TASK[option], value):
            raise TypeError(f"@task {name}: {option}={value!r} {complaint}")
    if options.get("queue") is not None:
        parse_queue(options["queue"])


def _module_of(function: Callable[..., Any]) -> str:
    """The module under which a worker can import the function, also when it is defined in the main script."""
    if function.__module__ != "__main__":
        return function.__module__
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).removesuffix(".__main__")
    return Path(getattr(main, "__file__", None) or "__main__").stem


def _class_around(function: Callable[..., Any], options: Mapping[str, Any]) -> type[Task]:
    def run(_self: Task, params: Mapping[str, Any]) -> Any:
        return function(**params)

    given = {name: value for name, value in options.items() if value is not None}
    attributes: dict[str, Any] = {
        "run": run,
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "mrq_options": given,
    }
    if "max_concurrency" in given:
        attributes["max_concurrency"] = given["max_concurrency"]
    return type(function.__name__, (Task,), attributes)
