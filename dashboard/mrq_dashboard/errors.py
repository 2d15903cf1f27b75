"""Errors as the API answers them: always the same shape, in words that say what to do."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from mrq.exceptions import (
    ConfigError,
    InvalidJobIdError,
    InvalidParamsError,
    InvalidQueueError,
    JobNotFoundError,
    JobTooLargeError,
    MrqError,
    ScheduleNotFoundError,
    ServerRefusedError,
    ServerUnavailableError,
    UnknownTaskError,
)
from mrq.settings import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger("mrq.dashboard")

LONGEST = 1_000  # characters of a message


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    where: str
    message: str


class Problem(BaseModel):
    """An error. `error` is for programs, `message` for people."""

    error: str
    message: str
    fields: list[FieldProblem] = []


class RefusedError(Exception):
    """Ends a request with a problem."""

    def __init__(self, status: int, error: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.problem = Problem(error=error, message=message)
        self.headers = headers


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in (
        (400, "The request can't be read"),
        (401, "Nobody is logged in"),
        (403, "The role is not high enough, the queue is out of scope, or the request comes from another site"),
        (404, "There is no such thing"),
        (409, "Not in its present state"),
        (413, "The request is too large"),
        (415, "The request is not JSON"),
        (422, "Something in the request is wrong"),
        (429, "Too many tries"),
        (503, "MongoDB or Redis doesn't answer"),
    )
}

_STATUSES: tuple[tuple[type[Exception], int, str], ...] = (
    (JobNotFoundError, 404, "not_found"),
    (ScheduleNotFoundError, 404, "not_found"),
    (ServerUnavailableError, 503, "unavailable"),
    (ServerRefusedError, 503, "unavailable"),
    (JobTooLargeError, 422, "too_large"),
    (UnknownTaskError, 422, "unknown_task"),
    (InvalidJobIdError, 422, "invalid"),
    (InvalidParamsError, 422, "invalid"),
    (InvalidQueueError, 422, "invalid"),
    (ConfigError, 422, "invalid"),
)
_NAMES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def answer(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(problem.model_dump(), status, dict(headers or {}))


def install(app: FastAPI, note: Callable[[Request, RefusedError], None]) -> None:
    """Let the application answer errors so. note: is told of each refusal, and may wait for a server."""

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> JSONResponse:
        await run_in_threadpool(note, request, error)
        return answer(error.status, error.problem, error.headers)

    @app.exception_handler(MrqError)
    async def known(_request: Request, error: MrqError) -> JSONResponse:
        for kind, status, name in _STATUSES:
            if isinstance(error, kind):
                return answer(status, Problem(error=name, message=redact_url(str(error))[:LONGEST]))
        return unexpected(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [
            FieldProblem(where=".".join(str(step) for step in each["loc"])[:200], message=str(each["msg"])[:300])
            for each in error.errors()[:20]
        ]
        message = "; ".join(f"{field.where}: {field.message}" for field in fields)[:LONGEST]
        return answer(422, Problem(error="invalid", message=message, fields=fields))

    @app.exception_handler(HTTPException)
    async def plain(_request: Request, error: HTTPException) -> JSONResponse:
        name = _NAMES.get(error.status_code, "error")
        return answer(error.status_code, Problem(error=name, message=str(error.detail)), error.headers)

    @app.exception_handler(Exception)
    async def unknown(_request: Request, error: Exception) -> JSONResponse:
        return unexpected(error)


def unexpected(error: Exception) -> JSONResponse:
    """An error that is our own; what it says goes to the log alone."""
    log.error("a request failed: %s", type(error).__name__, exc_info=error)
    message = "something went wrong here; the dashboard's log says what"
    return answer(500, Problem(error="internal", message=message))
