"""The dashboard behind a function URL, an API Gateway or a load balancer. Needs the extra `dashboard` too."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from mangum import Mangum

# What the first request needs, drivers included, while the start of a sandbox has the most CPU
import mrq.stores.mongo_jobs
import mrq.stores.redis_wakeups  # noqa: F401
from mrq.exceptions import MrqError
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
        ConfigError: the configuration is wrong, or nobody would have to log in.
    """
    if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
        raise NoRequestError(
            "the dashboard's function answers requests of function URLs, API Gateway and load balancers; "
            "this event has no requestContext, so it is none of these"
        )
    return sandbox.invocation(lambda app: dict(_served(app)(event, context)))  # type: ignore[arg-type]


@functools.lru_cache(maxsize=1)
def _served(app: App) -> Mangum:
    """Nothing runs between two requests, and connections outlive them: so no life of the application is begun or
    ended."""
    return Mangum(create_app(app, background=False), lifespan="off")
