"""What `mrq doctor` looks at. Each check returns findings and raises nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from mrq.domain.agents import group_of, wanted
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.domain.words import how_to_start, many
from mrq.embedded.both import running_urls
from mrq.embedded.up import DEFAULT_FOLDER
from mrq.exceptions import ConfigError, MrqError, ServerRefusedError
from mrq.settings import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mrq.app import App

DATABASE, REDIS = "MongoDB", "Redis"

OLDEST: dict[str, tuple[int, int]] = {"MongoDB": (5, 0), "Redis": (6, 2), "Valkey": (7, 2)}
SKEW = timedelta(seconds=2)  # more than this between two clocks makes delays and timeouts look odd
SIZED_LATELY = timedelta(minutes=5)  # a dispatcher comes once a minute
MOST_WORKERS = 1000
QUEUES_SHOWN = 10
LOCK_SECONDS = 5.0
HOURS = 24  # of jobs that are looked through for failures
MOST_FAILURES = 1000
LONGEST_EXAMPLE = 200  # characters


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `mend`: what to do about it. A note is neither good nor bad."""

    state: Literal["ok", "problem", "note"]
    about: str
    text: str
    mend: str = ""


# ---- servers


def check_servers(app: App) -> list[Finding]:
    """Whether MongoDB and Redis answer, are new enough and may be written to, and whether the clocks agree.

    The first finding says whether MongoDB can be used at all.
    """
    settings = app.settings
    findings = _server(app, lambda its: its.jobs.ping(), DATABASE, settings.mongodb_jobs, "MRQ_MONGODB_JOBS")
    if findings[0].state == "ok":
        findings += [_clock(app), _may_write_jobs(app)]
    redis = _server(app, lambda its: its.wakeups.ping(), REDIS, settings.redis, "MRQ_REDIS")
    if redis[0].state == "ok":
        redis.append(_may_write_redis(app))
    return findings + redis


def _server(app: App, ping: Callable[[App], str], name: str, url: Any, variable: str) -> list[Finding]:
    shown = redact_url(url) if isinstance(url, str) else f"a client given as {variable.removeprefix('MRQ_')}"
    try:
        answer = ping(app)  # the first use of a store reads its URL
    except ConfigError as error:
        return [Finding("problem", name, str(error), f"mend {variable}, or its flag, or the config file")]
    except ServerRefusedError as error:
        return [Finding("problem", name, f"{shown}: {error}", f"mend the user and password in {variable}")]
    except Exception as error:  # noqa: BLE001 - whatever it was is the finding
        text = f"no answer from {shown} within {app.settings.server_timeout:g} s: {in_words(error, name)}"
        return [Finding("problem", name, text, _up_runs_here(name, url, variable) or how_to_start(variable))]
    return [_version(name, answer)]


def _up_runs_here(name: str, url: Any, variable: str) -> str | None:
    """What to do when `mrq up` runs in this very folder, and the settings say something else."""
    there = running_urls(DEFAULT_FOLDER)
    if there is None:
        return None
    theirs = there[0] if name == DATABASE else there[1]
    return None if url == theirs else f"`mrq up` runs here: export {variable}={theirs}"


def _version(name: str, answer: str) -> Finding:
    found = re.match(r"(\w+) (\d+)\.(\d+)", answer)
    if found is not None:
        oldest = OLDEST.get(found[1], (0, 0))
        if (int(found[2]), int(found[3])) < oldest:
            needed = f"{found[1]} {oldest[0]}.{oldest[1]}"
            return Finding("problem", name, f"{answer}: too old, {needed} is the oldest that works", "upgrade it")
    return Finding("ok", name, answer)


def _clock(app: App) -> Finding:
    try:
        before = app.clock.now()
        theirs = app.reports.now()
        after = app.clock.now()
    except Exception as error:  # noqa: BLE001
        return failed(DATABASE, "its clock can't be read", error)
    skew = max(before - theirs, theirs - after, timedelta(0))
    if skew > SKEW:
        text = f"its clock and this host's differ by {skew.total_seconds():.1f} s"
        return Finding("problem", DATABASE, text, "synchronise both with NTP; delays and timeouts depend on it")
    return Finding("ok", DATABASE, "its clock agrees with this host's")


def _may_write_jobs(app: App) -> Finding:
    try:
        # an update that matches no job: needs the right to write, and changes nothing
        app.jobs.set_progress(app.jobs.new_id(), None, 0.0)
    except Exception as error:  # noqa: BLE001
        return failed(DATABASE, "jobs can't be written", error, "give the user of the URL the role readWrite")
    return Finding("ok", DATABASE, "jobs may be written")


def _may_write_redis(app: App) -> Finding:
    try:
        key = app.locks.acquire("doctor", LOCK_SECONDS)
        if key is not None:
            app.locks.release("doctor", key)
    except Exception as error:  # noqa: BLE001
        return failed(REDIS, "keys can't be written", error, "give the user of the URL write access")
    return Finding("ok", REDIS, f"keys under {app.settings.redis_prefix}: may be written")


# ---- what is in them


def check_indexes(app: App, *, fix: bool) -> list[Finding]:
    """Whether the indexes are there. `fix`: make those that are missing."""
    try:
        stores = (app.jobs, app.stats, app.logs)
        missing = [name for store in stores if store for name in store.missing_indexes()]
        if fix:
            made = app.ensure_indexes()
            return [Finding("ok", "indexes", f"made: {', '.join(made)}" if made else "all there")]
    except Exception as error:  # noqa: BLE001
        return [failed("indexes", "they can't be read or made", error)]
    if not missing:
        return [Finding("ok", "indexes", "all there")]
    mend = "make them with `mrq doctor --fix`, or start a worker with --ensure_indexes"
    return [Finding("problem", "indexes", f"missing: {', '.join(missing)}; claims, statistics and logs get slow", mend)]


def check_workers(app: App) -> list[Finding]:
    """Who is alive, and whether jobs wait in a queue that nobody serves."""
    try:
        alive = _alive(app)
        waiting = app.jobs.count_by_queue(Status.QUEUED)
    except Exception as error:  # noqa: BLE001
        return [failed("workers", "they can't be read", error)]
    served = _served_by(alive)
    named = f", on {' '.join(sorted(served))}" if served else ""
    findings = [Finding("ok" if alive else "note", "workers", f"{len(alive) or 'none'} alive{named}")]
    if unserved := unserved_queues("queues", waiting, served, "job"):
        return findings + unserved
    jobs = sum(waiting.values())
    return [*findings, Finding("ok", "queues", f"{many(jobs, 'job')} waiting, all served" if jobs else "empty")]


def unserved_queues(about: str, waiting: Mapping[str, int], served: Iterable[str], what: str) -> list[Finding]:
    """A finding for each queue in which something waits though no worker serves it, the fullest first; at most
    QUEUES_SHOWN, and how many more there are. `waiting`: how many of `what`, by queue."""
    orphaned = {queue: count for queue, count in waiting.items() if count and not is_served(queue, served)}
    findings = []
    for queue, count in sorted(orphaned.items(), key=lambda item: -item[1])[:QUEUES_SHOWN]:
        text = f"{many(count, what)} {'waits' if count == 1 else 'wait'} in {queue!r}, which no worker serves"
        findings.append(Finding("problem", about, text, f"start one with `mrq worker {queue}`"))
    if len(orphaned) > QUEUES_SHOWN:
        findings.append(Finding("problem", about, f"and {len(orphaned) - QUEUES_SHOWN} more such queues"))
    return findings


def check_agents(app: App) -> list[Finding]:
    """Whether every worker group has agents that run it; nothing where there are no groups."""
    try:
        groups = [(document, len(app.agents.living(document["_id"]))) for document in app.agents.groups()]
    except Exception as error:  # noqa: BLE001
        return [failed("worker groups", "they can't be read", error)]
    findings = []
    for document, agents in groups:
        try:
            group = group_of(document)
        except ConfigError as error:
            findings.append(Finding("problem", "worker groups", str(error)))
            continue
        if group.cloud is not None:
            findings.append(_dispatched(app, group.name))
            continue
        workers = wanted(group).total()
        text = f"{document['_id']}: {many(workers, 'worker')} on {many(agents, 'agent') if agents else 'no agent'}"
        if workers and not agents:
            mend = f"start one with `mrq agent --worker_group {document['_id']}`"
            findings.append(Finding("problem", "worker groups", text, mend))
        else:
            findings.append(Finding("ok", "worker groups", text))
    return findings


def _dispatched(app: App, group: str) -> Finding:
    """Whether a dispatcher sizes a group."""
    try:
        last = app.fleets.last(group)
    except Exception as error:  # noqa: BLE001
        return failed("worker groups", f"{group}: its last decision can't be read", error)
    if last is None or app.clock.now() - last.at > SIZED_LATELY:
        mend = "have EventBridge invoke mrq_lambda.dispatcher.handler each minute, and look at its log"
        text = "no dispatcher has ever sized it" if last is None else f"not sized since {last.at:%Y-%m-%d %H:%M} UTC"
        return Finding("problem", "worker groups", f"{group}: {text}", mend)
    if last.failure:
        return Finding("problem", "worker groups", f"{group}: {last.failure}")
    return Finding("ok", "worker groups", f"{group}: {last.decision.reason}")


def check_failures(app: App) -> list[Finding]:
    """Which jobs have failed lately, and which come back by themselves."""
    try:
        lately = app.reports.lately(app.clock.now() - timedelta(hours=HOURS), MOST_FAILURES)
    except Exception as error:  # noqa: BLE001
        text = f"those of the last {HOURS} h could not be looked through: {in_words(error, DATABASE)}"
        return [Finding("note", "jobs", text)]
    back = f"; {many(lately.returning, 'job')} to run again later" if lately.returning else ""
    if lately.example is None:
        return [Finding("ok", "jobs", f"none of the last {HOURS} h has failed{back}")]
    more = " or more" if lately.failed >= MOST_FAILURES else ""
    text = f"{many(lately.failed, 'job')}{more} of the last {HOURS} h failed{back}"
    example = f"for example {lately.example.path}: {lately.example.message}"
    example = example if len(example) <= LONGEST_EXAMPLE else f"{example[:LONGEST_EXAMPLE]} ..."
    return [Finding("note", "jobs", text, f"{example}; see `mrq job {lately.example.example}`")]


def queues_served(app: App) -> set[str]:
    """What workers that are alive serve, as they were told to."""
    return _served_by(_alive(app))


def _served_by(workers: list[dict[str, Any]]) -> set[str]:
    return {queue for worker in workers for queue in (worker.get("config") or {}).get("queues") or ()}


def _alive(app: App) -> list[dict[str, Any]]:
    """Workers whose last sign of life is younger than their lease."""
    now = app.reports.now()

    def beats(worker: dict[str, Any]) -> bool:
        reported = worker.get("datereported")
        lease = timedelta(seconds=float(worker.get("lease") or app.settings.lease))
        return reported is not None and now - reported <= lease

    return [worker for worker in app.workers.alive(MOST_WORKERS) if beats(worker)]


def is_served(queue: str, served: Iterable[str]) -> bool:
    """Whether one of these, as a worker names what it serves, means this queue."""
    for each in served:
        name = parse_queue(each)
        if name.id == queue or (name.serves_subqueues and queue.startswith(name.id)):
            return True
    return False


def failed(about: str, text: str, error: Exception, mend: str = "") -> Finding:
    """Something could not be looked at."""
    return Finding("problem", about, f"{text}: {in_words(error, about)}", mend)


def in_words(error: Exception, about: str) -> str:
    """An error in one line, without passwords and without what the line says already."""
    text = " ".join(redact_url(str(error)).split())
    text = text.removeprefix(f"{about} is not available: ")
    return text if isinstance(error, MrqError) else f"{type(error).__name__}: {text}"
