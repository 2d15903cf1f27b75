"""MRQ 0.9's JSON routes, for scripts that use them. New programs use /api/v1.

Its form POSTs know no token, so they are taken only from our own pages and from programs that are no browsers.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from mrq.domain.job import JobRecord
from mrq.domain.joblist import Mark, Order
from mrq.domain.logplaces import LogPlace
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.domain.worker import WorkerStatus
from mrq.job import queue_job
from mrq.queue import Queue
from mrq_dashboard.access import Viewer, check_everything, check_origin
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.failures import failure_groups
from mrq_dashboard.filters import JobFilterModel, query_of
from mrq_dashboard.identity import Principal, Role
from mrq_dashboard.loglines import LogCursor, log_lines
from mrq_dashboard.presenting import HISTORY, sees_all_of
from mrq_dashboard.queues import MOST_WORKERS, Surroundings, known_names, surroundings, waiting_query
from mrq_dashboard.routes.groups import check_group, without_secrets
from mrq_dashboard.routes.jobs import visible_job
from mrq_dashboard.routes.page import page, wants_page
from mrq_dashboard.services import Given, Services
from mrq_dashboard.shown import LONG, SHORT
from mrq_dashboard.tasks import known_tasks
from mrq_dashboard.tries import principal_of

router = APIRouter(include_in_schema=False)

MOST_ROWS, DEEPEST = 500, 10_000  # rows of an answer; rows that may be skipped
JOB_ACTION = "mrq.basetasks.utils.JobAction"
_WEEK = 7 * 24 * 3600


class Table:
    """What every table of MRQ 0.9's page was asked."""

    def __init__(
        self,
        request: Request,
        echo: Annotated[str, Query(alias="sEcho", max_length=100)],
        start: Annotated[int, Query(alias="iDisplayStart", ge=0, le=DEEPEST)] = 0,
        length: Annotated[int, Query(alias="iDisplayLength", ge=1, le=MOST_ROWS)] = 20,
    ) -> None:
        self.echo, self.start, self.length = echo, start, length
        self.words = {name: value for name, value in request.query_params.items() if value}

    def answer(self, rows: list[Any], total: int) -> JSONResponse:
        """Rows that are this very page."""
        return JSONResponse({"aaData": rows, "iTotalDisplayRecords": total, "sEcho": self.echo})

    def cut(self, rows: list[Any]) -> JSONResponse:
        """Rows that are all there are."""
        return self.answer(rows[self.start : self.start + self.length], len(rows))


Asked = Annotated[Table, Depends()]


@router.get("/workers")
def old_workers(request: Request, given: Given, who: Viewer) -> Response:
    """Workers that have not stopped. A browser that comes here means the page of this address."""
    if wants_page(request):
        return page(request)
    return JSONResponse({"workers": _workers(given, who)})


@router.get("/api/datatables/{unit}")
def old_table(unit: str, asked: Asked, given: Given, who: Viewer) -> Response:
    """One of the tables."""
    table = _TABLES.get(unit)
    if table is None:
        raise RefusedError(404, "not_found", f"there is no table {unit!r}; there are {', '.join(_TABLES)}")
    return table(given, who, asked)


def _queues_table(given: Services, who: Principal, asked: Table) -> JSONResponse:
    around = surroundings(given)
    names, _ = known_names(given, who, around)
    rows = [_queue_row(given, name, around) for name in names]
    return asked.cut(sorted(rows, key=lambda row: -row["size"]))


def _queue_row(given: Services, name: str, around: Surroundings) -> dict[str, Any]:
    queue = Queue(name)
    size = queue.size() if queue.is_raw else _size(given, name, around)
    row: dict[str, Any] = {
        "name": queue.id, "size": size, "is_sorted": queue.is_sorted, "is_timed": queue.is_timed,
        "is_raw": queue.is_raw, "is_set": queue.is_set,
    }  # fmt: skip
    if queue.is_sorted:
        graph = queue.get_config().get("dashboard_graph")
        graph = graph() if callable(graph) else graph
        now = time.time() if queue.is_timed else 0.0
        plain = {"start": now - _WEEK, "stop": now + _WEEK} if queue.is_timed else {"start": 0, "stop": 100}
        row["graph_config"] = graph or {**plain, "slices": 30, "include_inf": True, "exact": False}
        row["graph"] = queue.get_sorted_graph(**row["graph_config"])
    if queue.is_timed:
        row["jobs_to_dequeue"] = queue.count_jobs_to_dequeue()
    return row


def _size(given: Services, name: str, around: Surroundings) -> int:
    """Jobs that wait or run, counted up to a limit."""
    queue = parse_queue(name)
    return given.mrq.job_lists.count(waiting_query(queue)).jobs + around.running_in(queue)


def _workers_table(given: Services, who: Principal, asked: Table) -> JSONResponse:
    words = asked.words
    rows = _workers(given, who)
    for name, fits in _WORKER_WORDS.items():
        if name in words:
            rows = [row for row in rows if fits(row, words[name])]
    return asked.cut(rows)


def _config(row: Mapping[str, Any]) -> Mapping[str, Any]:
    config = row.get("config")
    return config if isinstance(config, dict) else {}


_WORKER_WORDS: dict[str, Callable[[Mapping[str, Any], str], bool]] = {
    "id": lambda row, value: row["_id"] == value,
    "status": lambda row, value: row.get("status") in value.split("-"),
    "ip": lambda row, value: value in (_config(row).get("local_ip"), _config(row).get("external_ip")),
    "queue": lambda row, value: value in (_config(row).get("queues") or []),
}


def _workers(given: Services, who: Principal) -> list[dict[str, Any]]:
    rows = [row for row in given.mrq.workers.alive(MOST_WORKERS) if sees_all_of(who, row)]
    rows.sort(key=lambda row: str(row.get("datestarted")), reverse=True)
    return [_plain(given, row, LONG) for row in rows]


def _jobs_table(given: Services, who: Principal, asked: Table) -> JSONResponse:
    wanted = _wanted(asked.words)
    query = query_of(given.mrq, who, given.shower, wanted)
    rows: list[JobRecord] = []
    mark: Mark | None = None
    for _ in range(2 + (asked.start + asked.length) // MOST_ROWS):
        found = given.mrq.job_lists.page(query, Order.NEWEST, min(MOST_ROWS, asked.start + asked.length), mark)
        rows += found.jobs
        mark = found.next
        if mark is None or len(rows) >= asked.start + asked.length:
            break
    shown = [_plain(given, job.document, SHORT) for job in rows[asked.start : asked.start + asked.length]]
    return asked.answer(shown, given.mrq.job_lists.count(query).jobs)


def _wanted(words: Mapping[str, str]) -> JobFilterModel:
    """The filter of the words that MRQ 0.9 knew."""
    ids = [words["id"]] if "id" in words else []
    if "redisqueue" in words:
        waiting = Queue(words["redisqueue"])
        ids += [] if waiting.is_raw else waiting.list_job_ids(0, 100)
        ids = ids[:100] or ["0" * 24]
    try:
        statuses = [Status(status) for status in words.get("status", "").split("-") if status]
    except ValueError:
        raise RefusedError(422, "invalid", f"status: {words['status']!r} holds no status") from None
    named = {name: [words[old]] for name, old in _SAME.items() if old in words}
    try:
        return JobFilterModel(id=ids, status=statuses, params=words.get("params"), **named)  # type: ignore[arg-type]
    except ValidationError as error:
        raise RefusedError(422, "invalid", str(error.errors()[0]["msg"])) from None


_SAME = {"queue": "queue", "task": "path", "exceptiontype": "exceptiontype", "worker": "worker"}


def _exceptions_table(given: Services, who: Principal, asked: Table) -> JSONResponse:
    """Of the newest failures: counting all would read all."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in failure_groups(given, who).groups:
        counts[each.task, each.exceptiontype] += each.jobs
    rows = counts.most_common()
    return asked.cut([{"_id": {"path": path, "exceptiontype": kind}, "jobs": jobs} for (path, kind), jobs in rows])


def _status_table(given: Services, who: Principal, asked: Table) -> JSONResponse:
    return asked.cut(_counted(given, who, [({"status": [status]}, status.value) for status in Status]))


def _paths_table(given: Services, who: Principal, asked: Table) -> JSONResponse:
    return asked.cut(_counted(given, who, [({"task": [path]}, path) for path in list(known_tasks(given))[:50]]))


def _counted(given: Services, who: Principal, kinds: list[tuple[dict[str, Any], str]]) -> list[dict[str, Any]]:
    """Counts up to a limit, among the newest jobs."""
    rows = []
    for words, name in kinds:
        query = query_of(given.mrq, who, given.shower, JobFilterModel(**words))
        rows.append({"_id": name, "jobs": given.mrq.job_lists.count(query).jobs})
    return sorted((row for row in rows if row["jobs"]), key=lambda row: -row["jobs"])


def _schedules_table(given: Services, who: Principal, asked: Table) -> JSONResponse:
    names = ("path", "params", "queue", "interval", "dailytime", "weekday", "monthday", "cron", "name")
    rows = []
    for state in given.mrq.schedules.page(0, MOST_ROWS):
        if who.sees(state.schedule.queue or given.mrq.queue_of(state.schedule.path)):
            says = {name: getattr(state.schedule, name) for name in names}
            row = {"_id": state.id.hex(), **says, "datelastqueued": state.last_queued}
            rows.append(_plain(given, row, SHORT))
    return asked.cut(rows)


def _agents_table(given: Services, who: Principal, asked: Table) -> JSONResponse:
    """Those that have stopped only when asked for, by `showstopped`."""
    check_everything(who)
    found = given.mrq.agents.page(asked.start, asked.length)
    shown = [agent for agent in found if asked.words.get("showstopped") or agent.get("status") != WorkerStatus.STOP]
    rows = [_plain(given, agent, LONG) for agent in shown]
    return asked.answer(rows, asked.start + len(rows))


_TABLES: dict[str, Callable[[Services, Principal, Table], JSONResponse]] = {
    "taskexceptions": _exceptions_table,
    "status": _status_table,
    "taskpaths": _paths_table,
    "queues": _queues_table,
    "workers": _workers_table,
    "agents": _agents_table,
    "scheduled_jobs": _schedules_table,
    "jobs": _jobs_table,
}


@router.get("/api/job/{job_id}/result")
def old_result(job_id: str, given: Given, who: Viewer) -> Response:
    """What a job returned."""
    job = visible_job(given, who, job_id)
    return JSONResponse({} if job.result is None else {"result": given.shower.value(job.result)})


@router.get("/api/job/{job_id}/traceback")
def old_traceback(job_id: str, given: Given, who: Viewer) -> Response:
    """How a job failed."""
    job = visible_job(given, who, job_id)
    if job.traceback is None and not job.traceback_history:
        return JSONResponse({"traceback": "No exception raised"})
    history = [_plain(given, entry, HISTORY // 30) for entry in job.traceback_history]
    shown = {"_id": str(job.id), "traceback": given.shower.text(job.traceback or ""), "traceback_history": history}
    return JSONResponse(shown)


@router.get("/api/logs")
def old_logs(
    given: Given,
    who: Viewer,
    job: str | None = None,
    worker: str | None = None,
    last_log_id: LogCursor = None,
) -> Response:
    """What a job, or a worker, has logged since."""
    if job:
        owner = {"job": visible_job(given, who, job).id}
    elif worker:
        check_everything(who)
        owner = {"worker": given.mrq.jobs.parse_id(worker)}
    else:
        raise RefusedError(422, "invalid", "say which: job=... or worker=...")
    found = log_lines(given, last_log_id or None, "DEBUG", **owner)
    return JSONResponse({"logs": found.text, "last_log_id": found.next or LogPlace().text()})


def form_poster(request: Request, given: Given) -> Principal:
    """Who sends a form of MRQ 0.9, and may."""
    found = principal_of(request, given)
    if found is None:
        raise RefusedError(401, "login", "log in", {"www-authenticate": "Basic"})
    check_origin(request, given)
    if request.cookies and "origin" not in request.headers:
        raise RefusedError(403, "other_site", "a browser's form has an Origin; this one has none")
    if not found.may(Role.OPERATOR):
        raise RefusedError(403, "role", f"this needs the role {Role.OPERATOR}; {found.name} is {found.role}")
    check_everything(found)
    return found


FormPoster = Annotated[Principal, Depends(form_poster)]


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form."""
    try:
        fields = parse_qs((await request.body()).decode(), max_num_fields=50)
    except ValueError:
        raise RefusedError(422, "invalid", "the form can't be read") from None
    return {name: values[-1] for name, values in fields.items()}


@router.post("/api/jobaction")
async def old_job_action(request: Request, given: Given, who: FormPoster) -> Response:
    """Queue a job that does what the form says."""
    params = await form_of(request)
    return await run_in_threadpool(_queue_action, given, who, params)


def _queue_action(given: Services, who: Principal, params: dict[str, str]) -> Response:
    wanted: dict[str, Any] = dict(params)
    if "-" in params.get("status", ""):
        wanted["status"] = params["status"].split("-")
    job = queue_job(JOB_ACTION, wanted, given.settings.dashboard_queue or "default")
    given.note(who, "job.action", str(job), params)
    return JSONResponse({"job_id": str(job)})


@router.post("/api/workergroups")
async def old_put_worker_groups(request: Request, given: Given, who: FormPoster) -> Response:
    """Let these be the worker groups: those that are not among them are forgotten."""
    if not who.may(Role.ADMIN):
        raise RefusedError(403, "role", f"this needs the role {Role.ADMIN}; {who.name} is {who.role}")
    try:
        groups = json.loads((await form_of(request)).get("workergroups", ""))
    except (ValueError, RecursionError):
        raise RefusedError(422, "invalid", "workergroups should be JSON: an object of groups by name") from None
    return await run_in_threadpool(_put_groups, given, who, groups)


def _put_groups(given: Services, who: Principal, groups: Any) -> Response:
    if not isinstance(groups, dict) or not all(isinstance(group, dict) for group in groups.values()):
        raise RefusedError(422, "invalid", "workergroups should be JSON: an object of groups by name")
    documents = [{**group, "_id": name} for name, group in groups.items()]
    for document in documents:
        check_group(document)
    known = {str(group["_id"]) for group in given.mrq.agents.groups()}
    for document in documents:
        given.mrq.agents.put_group(document["_id"], document)
    for name in known - set(groups):
        given.mrq.agents.remove_group(name)
    about = {name: without_secrets(given, group) for name, group in groups.items()}
    given.note(who, "group.replace", "groups", about, count=len(groups))
    return JSONResponse({"status": "ok"})


@router.get("/api/workergroups")
def old_worker_groups(given: Given, who: Viewer) -> Response:
    """Worker groups by name."""
    check_everything(who)
    found = given.mrq.agents.groups()
    groups = {str(group["_id"]): _plain(given, without_secrets(given, group), LONG) for group in found}
    return JSONResponse({"workergroups": groups})


def _plain(given: Services, row: Mapping[str, Any], size: int) -> dict[str, Any]:
    """A document as MRQ 0.9 sent it: ids and times as text."""
    shown: dict[str, Any] = given.shower.value(row, size)
    return shown
