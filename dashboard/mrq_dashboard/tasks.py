"""Which tasks there are, and what their params may be."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, get_type_hints

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

from mrq import stats
from mrq.domain.joblist import JobQuery, Order
from mrq.domain.stats import Resolution
from mrq_dashboard.services import Services

MOST, LOOKED_AT = 500, 200
LATELY = timedelta(days=30)


def known_tasks(given: Services) -> dict[str, list[str]]:
    """Paths of tasks, and from where each is known: TASKS, schedules, running jobs, the newest jobs, and, as of a
    minute ago maybe, the newest failures and all that was counted in the last thirty days."""
    found: dict[str, set[str]] = {}

    def add(path: Any, source: str) -> None:
        if isinstance(path, str) and path:
            found.setdefault(path, set()).add(source)

    for path in given.settings.tasks:
        add(path, "config")
    for state in given.mrq.schedules.page(0, MOST):
        add(state.schedule.path, "schedules")
    for worker in given.mrq.workers.alive(MOST):
        jobs = worker.get("jobs")
        for job in jobs if isinstance(jobs, list) else []:
            add(job.get("path") if isinstance(job, dict) else None, "workers")
    for path in given.ran.get(lambda: _ran_lately(given)):
        add(path, "jobs")
    for job in given.mrq.job_lists.page(JobQuery(), Order.NEWEST, LOOKED_AT).jobs:
        add(job.path, "jobs")
    return {path: sorted(found[path]) for path in sorted(found)[:MOST]}


def _ran_lately(given: Services) -> frozenset[str]:
    now = given.now()
    figures = stats.totals("task", now - LATELY, now, Resolution.DAY.value)
    failed = {group.path for group in given.mrq.failures.groups(LOOKED_AT)}
    return frozenset(failed.union(each.path for each in figures if each.path is not None))


def params_schema(given: Services, path: str) -> tuple[dict[str, Any] | None, str | None]:
    """A JSON schema of a task's params, from its signature, and its docstring; or None, and why it isn't known.

    The task's module is imported, so this is for known tasks only.
    """
    try:
        cls = given.mrq.tasks.load(path)
    except Exception as error:  # noqa: BLE001 - whatever an import raises
        return None, f"{type(error).__name__}: {error}"[:500]
    function = getattr(sys.modules.get(path.rpartition(".")[0]), path.rpartition(".")[2], None)
    text = inspect.cleandoc(cls.__doc__) if cls.__doc__ else None  # not that of the class it is made from
    if not hasattr(function, "mrq_task_class"):  # a class takes whatever dict it likes
        return {"type": "object", "additionalProperties": True}, text
    return _of_signature(inspect.signature(function), function), text  # type: ignore[arg-type]


def _of_signature(signature: inspect.Signature, function: Any) -> dict[str, Any]:
    try:
        hints: Mapping[str, Any] = get_type_hints(inspect.unwrap(function))
    except Exception:  # noqa: BLE001 - names that are imported for type checkers only
        hints = {}
    properties: dict[str, Any] = {}
    required, more = [], False
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            more = True
            continue
        properties[name] = {"title": name, **_schema(hints.get(name, Any))}
        if parameter.default is parameter.empty:
            required.append(name)
        else:
            properties[name]["default"] = given_default(parameter.default)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": more}


def given_default(value: Any) -> Any:
    """A default as JSON, or as text."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)[:200]


def _schema(hint: Any) -> dict[str, Any]:
    try:
        return TypeAdapter(hint).json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError, TypeError, NameError):
        return {}
