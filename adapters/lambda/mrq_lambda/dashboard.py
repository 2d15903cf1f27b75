"""The dashboard behind a function URL, an API Gateway or a load balancer. Needs the extra `dashboard` too."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from mangum import Mangum

# What the first request needs, drivers included, while the start of a sandbox has the most CPU
import mrq.stores.mongo_jobs
import mrq.stores.redis_wakeups  # noqa: F401
from mrq.exceptions import ConfigError, MrqError
from mrq_dashboard.application import create_app
from mrq_lambda.sandbox import sandbox

if TYPE_CHECKING:
    from mrq.app import App
    from mrq_lambda.context import Context


class NoRequestError(MrqError):
    """The event is no HTTP request."""


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Answer one HTTP request. For a stage with a name, `dashboard_root_path` is `/` and that name.

    Raises:
        NoRequestError: it is another event, such as one of a rule or a schedule.
        ConfigError: the configuration is wrong, or nobody would have to log in, or a load balancer would have to be
            believed who somebody is.
    """
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        raise NoRequestError(
            "the dashboard's function answers requests of function URLs, API Gateway and load balancers; "
            "this event has no requestContext, so it is none of these"
        )
    return sandbox.invocation(lambda app: dict(_served(app)(_honest(event, app), context)), context)  # type: ignore[arg-type]


def _honest(event: dict[str, Any], app: App) -> dict[str, Any]:
    """An event in which a load balancer's X-Forwarded-For is the address of who has connected to it, the last one:
    what stands before was sent by that one, and may be anything."""
    if "elb" not in event["requestContext"]:
        return event
    if app.settings.dashboard_proxy_header:
        raise ConfigError(
            "DASHBOARD_PROXY_HEADER doesn't work behind a load balancer: its events don't say who has connected, so "
            "anybody could name himself; use DASHBOARD_OIDC_ISSUER, or a function URL or API Gateway"
        )
    found = dict(event)
    if isinstance(many := event.get("multiValueHeaders"), dict):
        found["multiValueHeaders"] = {
            name: [_last(",".join(values))] if _is_forwarded(name) else values for name, values in many.items()
        }
    if isinstance(plain := event.get("headers"), dict):
        found["headers"] = {name: _last(value) if _is_forwarded(name) else value for name, value in plain.items()}
    return found


def _is_forwarded(name: str) -> bool:
    return name.lower() == "x-forwarded-for"


def _last(hops: str) -> str:
    """The last address of some; a load balancer may add the port."""
    last = hops.rpartition(",")[2].strip()
    if last.startswith("["):
        return last[1:].partition("]")[0]
    return last.partition(":")[0] if last.count(":") == 1 else last


@functools.lru_cache(maxsize=1)
def _served(app: App) -> Mangum:
    """Nothing runs between two requests, and connections outlive them: so no life of the application is begun or
    ended. Raises ConfigError."""
    settings = app.settings
    if not settings.dashboard_secret and (
        settings.dashboard_httpauth or settings.dashboard_users or settings.dashboard_oidc_issuer
    ):
        raise ConfigError(
            "DASHBOARD_SECRET has to be set: requests go to many sandboxes, and a session has to hold in all of them"
        )
    return Mangum(create_app(app, background=False), lifespan="off")
