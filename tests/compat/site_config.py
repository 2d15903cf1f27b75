"""The site's mrq-config.py: names in capitals are settings, as in MRQ 0.9."""

from __future__ import annotations

import collections
import typing

MOST = "compat.tasks."

TASKS = {
    MOST + "Configured": {
        "queue": "case/configured",
        "timeout": 900,
        "default_ttl": 1000,
        "result_ttl": 100,
        "abort_ttl": 200,
        "cancel_ttl": 300,
        "max_retries": 1,
        "retry_delay": 60,
    },
    MOST + "Impatient": {"timeout": 1},
    MOST + "ImpatientPool": {"timeout": 1},
    MOST + "RetriedOnce": {"max_retries": 1, "retry_delay": 60},
}


def _echo(kind: str) -> typing.Any:
    return lambda param: {"path": MOST + "Note", "params": {"word": kind, "value": param}}


RAW_QUEUES = {
    "compat_raw": {"job_factory": _echo("raw"), "retry_queue": "case/retries"},
    "compat_set": {"job_factory": _echo("set")},
    "compat_sorted_set": {"job_factory": _echo("sorted_set")},
    "in_order_sorted_set": {"job_factory": _echo("in_order")},
    "compat_timed_set": {"job_factory": _echo("timed_set")},
    "push_timed_set": {"job_factory": _echo("push"), "pushback_seconds": 3600},
    "fails_raw": {
        "job_factory": lambda param: {"path": MOST + "Fail", "params": {"message": param}},
        "retry_queue": "nobody-serves-this",
    },
    "again_raw": {
        "job_factory": lambda param: {"path": MOST + "Again", "params": {"delay": int(param)}},
        "retry_queue": "nobody-serves-this",
    },
    "unstored_raw": {
        "job_factory": lambda param: {"path": MOST + param.split(" ")[0], "params": {"word": param, "delay": 60}},
        "retry_queue": "case/unstored",
        "statuses_no_storage": ("started", "success"),
    },
    "roots_raw": {"job_factory": _echo("roots"), "has_subqueues": True},
}

QUEUES_CONFIG = {"notified": {"notify": True}}

COUNTED: collections.Counter[str] = collections.Counter()


def METRIC_HOOK(name: str, incr: int = 1, **_more: typing.Any) -> None:
    COUNTED[name] += incr


REDIS_SECOND = "redis://127.0.0.1:1/0"  # nobody is there: the environment says better

A_KEY_OF_MY_OWN = "kept as it is"
