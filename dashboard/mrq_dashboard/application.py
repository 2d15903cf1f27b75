"""The dashboard as an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from mrq.app import App, get_app, use_app
from mrq.exceptions import ConfigError
from mrq.version import VERSION
from mrq_dashboard import errors
from mrq_dashboard.authentication import Authentication
from mrq_dashboard.middleware import Guard
from mrq_dashboard.operations import Operations
from mrq_dashboard.refusals import note_refusal
from mrq_dashboard.routes import (
    actions,
    audit,
    export,
    failures,
    fleet,
    groups,
    health,
    jobs,
    legacy,
    logs,
    oidc,
    overview,
    page,
    profiles,
    queues,
    schedules,
    session,
    settings,
    statistics,
    tasks,
)
from mrq_dashboard.services import Services
from mrq_dashboard.shown import Shower

log = logging.getLogger("mrq.dashboard")

LONGEST_REQUEST = 10.0  # seconds that MongoDB may work for one request
PARTS = (
    session, overview, export, jobs, logs, tasks, queues, failures, fleet, groups, profiles, schedules, statistics,
    actions, audit, settings,
)  # fmt: skip
DESCRIPTION = """Everything that the dashboard's page shows and does.

Log in with `POST /session`, or send a token: `Authorization: Bearer ...`. Requests that change something need the
header `X-CSRF-Token` in a session. Times are in UTC. Lists have cursors: give `next` as `after`."""


def create_app(mrq: App | None = None, *, background: bool = True, local_only: bool = False) -> FastAPI:
    """An application for uvicorn, Mangum or any other ASGI server.

    mrq:        the app whose jobs are shown, the process's own by default; it becomes the process's own
    background: go on with bulk actions in a thread. False where the process is frozen between requests (AWS Lambda)
    local_only: for a server that listens on 127.0.0.1 alone: nobody has to log in if no users are configured

    Raises:
        ConfigError: a setting is wrong, or nobody would have to log in and `local_only` is not set.
    """
    mrq = mrq or get_app()
    use_app(mrq)
    found = _services(mrq, background=background, local_only=local_only)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        found.operations.start()
        yield
        found.operations.close()

    app = FastAPI(
        title="MRQ dashboard", version=VERSION, description=DESCRIPTION, docs_url=None, redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        generate_unique_id_function=_operation_id, lifespan=lifespan, root_path_in_servers=False,
    )  # fmt: skip
    app.state.services = found
    errors.install(app, partial(note_refusal, found))
    _add_routes(app)
    app.add_middleware(
        Guard,
        limit=lambda: mrq.time_limit(LONGEST_REQUEST),
        only_local=found.authentication.is_open,
        root_path=mrq.settings.dashboard_root_path.rstrip("/"),
    )
    return app


def _services(mrq: App, *, background: bool, local_only: bool) -> Services:
    """What the routes work with. Raises ConfigError, see `create_app`."""
    authentication = Authentication(mrq.settings)
    if authentication.is_open and not local_only:
        raise ConfigError(
            "the dashboard would be open to everybody: set DASHBOARD_USERS, DASHBOARD_TOKENS, DASHBOARD_HTTPAUTH, "
            "DASHBOARD_PROXY_HEADER or DASHBOARD_OIDC_ISSUER, or let it listen on 127.0.0.1"
        )
    shower = Shower([*mrq.settings.log_redact, *mrq.settings.dashboard_redact])
    return Services(mrq, authentication, shower, Operations(mrq, shower, background=background))


def _add_routes(app: FastAPI) -> None:
    app.include_router(health.router)
    api = APIRouter(prefix="/api/v1", responses=errors.RESPONSES)
    for part in PARTS:
        api.include_router(part.router)
    app.include_router(api)
    app.include_router(legacy.router)
    app.include_router(oidc.router)
    app.include_router(page.router)  # last: it answers to any address


def _operation_id(route: APIRoute) -> str:
    return route.name
