"""Jobs and workers as the API shows them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.status import Status
from mrq_dashboard.identity import Principal
from mrq_dashboard.models import (
    Attempt,
    IoTotal,
    IoTotals,
    IoUsed,
    JobDetail,
    JobSummary,
    Run,
    RunningNow,
    WaitNow,
    WorkerJob,
    WorkerModel,
    utc_of,
)
from mrq_dashboard.shown import LONG, SHORT, Shower, storable, utc

if TYPE_CHECKING:
    from mrq.domain.attempt import Attempt as AttemptOfJob
    from mrq.domain.iosums import IoSum
    from mrq.domain.job import JobRecord

HISTORY = 400_000  # characters of all tracebacks together
STACK_LINES, MOST_JOBS, MOST_TOTALS = 60, 100, 10
MOST_SERVED = 200
MOST_LISTED = 4_000  # jobs of all workers in a list
LONGEST_NAME = 300  # characters
_SPARE = 5.0  # seconds


def summary(job: JobRecord, shower: Shower, size: int = SHORT) -> JobSummary:
    """A job in a list."""
    return JobSummary(**_common(job, shower, size))


def detail(job: JobRecord, shower: Shower, worker: Mapping[str, Any] | None) -> JobDetail:
    """A job, whole. `worker`: the document of the worker that runs it."""
    running = None
    if job.status is Status.STARTED and worker is not None:
        running = next((now for now in running_jobs(worker, shower) if now.id == str(job.id)), None)
    common = _common(job, shower, LONG)
    return JobDetail(
        **common,
        result=shower.value(job.result),
        traceback=None if job.traceback is None else shower.text(job.traceback),
        fingerprint=_text(job.fingerprint),
        attempts=list(_attempts(job.traceback_history, shower)),
        runs=[_run(attempt, shower) for attempt in job.attempts],
        parent=None if job.parent is None else str(job.parent),
        losses=job.losses,
        left_to_containers=job.overruns >= MOST_OVERRUNS,
        raw_queue=job.document.get("raw_queue"),
        running=running,
        command=shlex.join(["mrq", "run", storable(job.path), json.dumps(common["params"], ensure_ascii=False)]),
    )


def _common(job: JobRecord, shower: Shower, size: int) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "task": storable(job.path),
        "queue": storable(job.queue),
        "status": job.status,
        "params": shower.value(job.params, size),
        "created": created(job.id),
        "queued": utc(job.datequeued),
        "due": utc(job.due),
        "started": utc(job.datestarted),
        "updated": utc(job.dateupdated),
        "retry_at": utc(job.dateretry),
        "expires": utc(job.dateexpires),
        "worker": None if job.worker is None else str(job.worker),
        "seconds": number(job.totaltime),
        "progress": number(job.progress),
        "retries": _whole(job.retry_count) or 0,
        "exceptiontype": None if job.exceptiontype is None else storable(str(job.exceptiontype)),
    }


def created(job: Any) -> datetime:
    """When an id was made: its first four bytes say it."""
    return utc_of(int(str(job)[:8], 16))


def _attempts(history: Iterable[Mapping[str, Any]], shower: Shower) -> Iterable[Attempt]:
    """The newest ones whole, older ones as far as there is room."""
    kept, left = [], HISTORY
    for entry in reversed(list(history)):
        texts = [entry.get(name) for name in ("traceback", "original_traceback")]
        shown = [None if text is None or left <= 0 else shower.text(str(text)) for text in texts]
        left -= sum(len(text or "") for text in shown)
        kept.append(
            Attempt(
                date=utc(entry.get("date")),
                status=str(entry.get("status") or ""),
                exceptiontype=_text(entry.get("exceptiontype")),
                traceback=shown[0],
                original_traceback=shown[1],
                worker=_text(entry.get("worker")),
            )
        )
    return reversed(kept)


def _run(attempt: AttemptOfJob, shower: Shower) -> Run:
    return Run(
        queued=utc(attempt.queued),
        started=utc(attempt.started),
        ended=utc(attempt.ended),
        end=None if attempt.end is None else attempt.end.value,
        worker=None if attempt.worker is None else str(attempt.worker),
        exceptiontype=_text(attempt.exceptiontype),
        message=None if attempt.message is None else shower.text(attempt.message, 500),
        cpu=number(attempt.time),
        io=None if attempt.io is None else [_io_used(each) for each in attempt.io],
        deploy=_text(attempt.deploy),
    )


def _io_used(used: IoSum) -> IoUsed:
    return IoUsed(type=storable(used.kind)[:LONGEST_NAME], seconds=number(used.seconds) or 0.0, calls=used.calls)


def running_jobs(
    worker: Mapping[str, Any], shower: Shower, most: int = MOST_JOBS, stack_lines: int = STACK_LINES
) -> list[WorkerJob]:
    """What a worker is at, as it said last."""
    jobs = worker.get("jobs")
    listed: list[Any] = jobs[:most] if isinstance(jobs, list) else []
    return [_running(job, shower, stack_lines) for job in listed if _is_dict(job)]


def _running(job: Mapping[str, Any], shower: Shower, stack_lines: int) -> WorkerJob:
    stack = job.get("stack") if stack_lines else None
    lines = [shower.text(str(line), 500) for line in (stack if isinstance(stack, list) else [])[-stack_lines:]]
    now = RunningNow(
        id=str(job.get("id") or ""),
        task=storable(str(job.get("path") or ""))[:LONGEST_NAME],
        started=utc(job.get("datestarted")),
        stack=lines,
        io=_wait(job.get("io"), shower, SHORT if stack_lines else LONGEST_NAME),
    )
    return WorkerJob(**now.model_dump())


def _wait(io: Any, shower: Shower, size: int) -> WaitNow | None:
    if not isinstance(io, dict):
        return None
    return WaitNow(
        type=storable(str(io.get("type") or ""))[:LONGEST_NAME],
        data=shower.value(io.get("data"), size),
        started=utc(io.get("started")),
    )


def _busy(worker: Mapping[str, Any]) -> int:
    """How many jobs it runs: it lists some of them only."""
    jobs = worker.get("jobs")
    listed = len(jobs) if isinstance(jobs, list) else 0
    greenlets = number(_dict(worker.get("config")).get("greenlets")) or 0
    return max(listed, round((number(worker.get("usage_avg")) or 0) * greenlets)) if listed else 0


def served_queues(worker: Mapping[str, Any]) -> list[str]:
    """The queues that a worker serves, by its own word."""
    queues = _dict(worker.get("config")).get("queues")
    return [str(queue) for queue in queues[:MOST_SERVED]] if isinstance(queues, list) else []


def sees_some_of(who: Principal, worker: Mapping[str, Any]) -> bool:
    """Whether a worker serves a queue that somebody sees."""
    return who.queues is None or any(_serves(who, queue) for queue in served_queues(worker))


def sees_all_of(who: Principal, worker: Mapping[str, Any]) -> bool:
    """Whether somebody sees all queues that a worker serves, as far as it says any."""
    queues = served_queues(worker)
    return who.queues is None or (bool(queues) and all(who.sees(queue.removesuffix("_reverse")) for queue in queues))


def _serves(who: Principal, queue: str) -> bool:
    """Whether jobs that somebody sees are in what a worker names as one of its queues."""
    name = queue.removesuffix("_reverse")
    return who.sees(name) or (name.endswith("/") and any(scope.startswith(name) for scope in who.queues or ()))


def worker_models(
    workers: Sequence[Mapping[str, Any]], shower: Shower, who: Principal, now: datetime
) -> list[WorkerModel]:
    """Workers in a list, those that serve somebody's queues: without stacks, and all together with no more jobs than
    an answer may hold."""
    workers = [worker for worker in workers if sees_some_of(who, worker)]
    most = min(MOST_JOBS, max(1, MOST_LISTED // max(1, len(workers))))
    return [worker_model(worker, shower, who, now, most, stack_lines=0) for worker in workers]


def worker_model(
    worker: Mapping[str, Any],
    shower: Shower,
    who: Principal,
    now: datetime,
    most: int = MOST_JOBS,
    *,
    stack_lines: int = STACK_LINES,
) -> WorkerModel:
    """A worker, from its document. Whoever sees single queues only, sees of workers that serve others too
    no more than that they serve his."""
    visible = sees_all_of(who, worker)
    config, process = _dict(worker.get("config")), _dict(worker.get("process")) if visible else {}
    queues = [storable(queue) for queue in served_queues(worker) if visible or _serves(who, queue)]
    reported, lease = worker.get("datereported"), number(worker.get("lease"))
    silent = max(0.0, (now - reported).total_seconds()) if isinstance(reported, datetime) else 0.0
    return WorkerModel(
        id=str(worker["_id"]),
        name=storable(str(worker.get("name") or "")) if visible else str(worker["_id"]),
        status=str(worker.get("status") or ""),
        queues=queues,
        greenlets=_whole(config.get("greenlets")) or 1,
        started=utc(worker.get("datestarted")),
        reported=utc(reported),
        silent=silent,
        is_late=lease is not None and timedelta(seconds=silent) > timedelta(seconds=lease + _SPARE),
        lease=lease,
        done_jobs=_whole(worker.get("done_jobs")) or 0,
        pid=_whole(process.get("pid")),
        cpu_percent=number(_dict(process.get("cpu")).get("percent")),
        memory=_whole(_dict(process.get("mem")).get("rss")),
        host=_text(config.get("local_ip")) if visible else None,
        group=_text(config.get("worker_group") or None) if visible else None,
        quiet=worker.get("quiet") is True,
        is_burst=worker.get("deadline") is not None,
        io=_io_totals(worker.get("io")) if visible else None,
        busy=_busy(worker),
        jobs=running_jobs(worker, shower, most, stack_lines) if visible else [],
        config=shower.value(config, SHORT) if visible and stack_lines else None,
    )


def _io_totals(io: Any) -> IoTotals | None:
    if not _is_dict(io):
        return None
    sums = {}
    for name in ("types", "tasks"):
        pairs: list[Any] = io[name][:MOST_TOTALS] if isinstance(io.get(name), list) else []
        sums[name] = [
            IoTotal(name=storable(str(pair[0]))[:100], seconds=number(pair[1]) or 0.0)
            for pair in pairs
            if isinstance(pair, (list, tuple)) and len(pair) == 2
        ]
    return IoTotals(total=number(io.get("total")) or 0.0, types=sums["types"], tasks=sums["tasks"])


def number(value: Any) -> float | None:
    """A number that JSON can hold."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e15 else None


def _whole(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _text(value: Any) -> str | None:
    return None if value is None else storable(str(value))[:500]


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
