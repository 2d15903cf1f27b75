"""Tasks of a user of MRQ 0.9."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from mrq.context import (
    abort_current_job,
    connections,
    get_current_config,
    get_current_job,
    get_current_worker,
    log,
    metric,
    queue_job,
    retry_current_job,
    set_current_job_progress,
    subpool_imap,
    subpool_map,
)
from mrq.task import Task


class Odd(BaseException):
    """What `except Exception` doesn't catch."""


class Echo(Task):
    def run(self, params: dict[str, Any]) -> Any:
        time.sleep(params.get("sleep", 0))
        return params


class Configured(Echo):
    """TASKS of the config file is about it."""


class Note(Task):
    def run(self, params: dict[str, Any]) -> Any:
        connections.mongodb_jobs.compat_notes.insert_one({"word": params["word"], "value": params.get("value")})
        time.sleep(params.get("sleep", 0))
        return params.get("value")


class WaitForFlag(Task):
    def run(self, params: dict[str, Any]) -> Any:
        job = get_current_job()
        if job is not None:
            connections.mongodb_jobs.compat_running.insert_one({"job": job.id})
        while not connections.mongodb_jobs.compat_flags.find_one({"flag": params["flag"]}):
            time.sleep(0.02)
        return params["flag"]


class Fail(Task):
    def run(self, params: dict[str, Any]) -> Any:
        raise ValueError(params.get("message", ""))


class Again(Task):
    """Retries with the given arguments, in the handler of another exception if so wished."""

    def run(self, params: dict[str, Any]) -> Any:
        given = {name: params[name] for name in ("delay", "max_retries", "queue") if name in params}
        if not params.get("in_handler"):
            retry_current_job(**given)
        try:
            raise Odd("the cause")
        except Odd:
            retry_current_job(**given)
        raise AssertionError("not reached")


class RetriedOnce(Again):
    """TASKS allows one retry."""


class Abort(Task):
    def run(self, params: dict[str, Any]) -> Any:
        if not params.get("in_handler"):
            abort_current_job()
        try:
            raise Odd("the cause")
        except Odd:
            abort_current_job()


class Progress(Task):
    def run(self, params: dict[str, Any]) -> Any:
        set_current_job_progress(0.25, save=params["save"])
        return WaitForFlag().run(params)


class About(Task):
    """What a task sees around itself."""

    def run(self, params: dict[str, Any]) -> Any:
        job, worker = get_current_job(), get_current_worker()
        assert job is not None
        return {
            "job": job.id,
            "worker": getattr(worker, "id", None),
            "config": {key: get_current_config()[key] for key in ("name", "a_key_of_my_own", "max_latency")},
            "main": self.is_main_task,
            "other_main": Echo().is_main_task,
            "job_queue": job.queue,
            "job_path": job.data["path"] if job.data else None,
            "task_is_mine": job.task is self,
            "environ": sorted(os.environ),
        }


class ConfigAsJson(Task):
    def run(self, params: dict[str, Any]) -> Any:
        return json.dumps(get_current_config(), default=lambda value: type(value).__name__)


class WholeConfig(Task):
    """The configuration is something that MongoDB can hold."""

    def run(self, params: dict[str, Any]) -> Any:
        hidden = ("tasks", "raw_queues", "metric_hook", "queues_config")
        return {key: value for key, value in get_current_config().items() if key not in hidden}


class Wrapped(Task):
    def run_wrapped(self, params: dict[str, Any]) -> Any:
        return {"wrapped": self.run(params)}

    def run(self, params: dict[str, Any]) -> Any:
        return params["value"]


class Careless(Task):
    """Asks for less than a majority, from inside run."""

    def run(self, params: dict[str, Any]) -> Any:
        self.status_success_update_w = params["w"]
        self.status_success_update_j = params["j"]
        return "done"


class OneAtATime(WaitForFlag):
    max_concurrency = 1


class Impatient(Task):
    """Takes longer than its timeout, whatever it is told."""

    def run(self, params: dict[str, Any]) -> Any:
        while not params.get("swallow"):
            time.sleep(0.05)
        try:
            time.sleep(30)
        except Exception:
            return "swallowed"


class Pool(Task):
    """A sub-pool over params["items"]."""

    def run(self, params: dict[str, Any]) -> Any:
        options = {k: params[k] for k in ("flatten", "unordered", "buffer_size") if k in params}
        if "imap" in params:
            return list(subpool_imap(params["size"], self.inner, params["items"], **options))
        return subpool_map(params["size"], self.inner, params["items"])

    def inner(self, item: Any) -> Any:
        if item == "fail":
            raise ValueError("an item failed")  # the line of the inner failure
        if item == "job":
            job = get_current_job()
            return str(job.id) if job else None
        if isinstance(item, float):
            time.sleep(item)
        return item


class ImpatientPool(Pool):
    """TASKS gives it a second."""


class Count(Task):
    """Queues a job and counts something of its own."""

    def run(self, params: dict[str, Any]) -> Any:
        metric(params["name"])
        metric(params["name"], incr=4)
        return queue_job("compat.tasks.Echo", {}, queue=params["queue"])


class Counted(Task):
    def run(self, params: dict[str, Any]) -> Any:
        return json.dumps(get_current_config()["counted"])


class Say(Task):
    def run(self, params: dict[str, Any]) -> Any:
        log.info(params["text"])
        log.debug("a level below: %s", params["text"])
        log.info("odd arguments", {"a": 1})
        return True


class Bytes(Task):
    """What is read from Redis is bytes."""

    def run(self, params: dict[str, Any]) -> Any:
        connections.redis.set(params["key"], "value", ex=60)
        first = connections.redis.get(params["key"])
        connections.redis_second.set(params["key"], "other", ex=60)
        return [first, connections.redis.get(params["key"]), connections.redis_second.get(params["key"])]


class Environment(Task):
    """The environment of the worker, and its pid."""

    def run(self, params: dict[str, Any]) -> Any:
        return {"pid": os.getpid(), **{name: value for name, value in os.environ.items() if name.startswith("MRQ_")}}
