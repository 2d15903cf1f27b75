"""The dashboard's entry for AWS Lambda."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import get_app
from mrq.exceptions import ConfigError
from mrq.testing import memory_app
from mrq_lambda import dashboard
from mrq_lambda.dashboard import NoRequestError, handler
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.app import App

BASIC = {"authorization": "Basic YTpi"}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    def invocation(work: Callable[[App], Any], _context: Any) -> Any:
        return work(get_app())

    monkeypatch.setattr(dashboard.sandbox, "invocation", invocation)


def request(path: str, **headers: str) -> dict[str, Any]:
    """As a function URL, or API Gateway with payloads of version 2, sends it."""
    return {
        "version": "2.0", "rawPath": path, "rawQueryString": "", "isBase64Encoded": False, "body": None,
        "headers": {"host": "mrq.example.org", **headers},
        "requestContext": {"http": {"method": "GET", "path": path, "sourceIp": "10.0.0.1", "protocol": "HTTP/1.1"}},
    }  # fmt: skip


def behind_a_load_balancer(path: str, **headers: str) -> dict[str, Any]:
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": path, "body": "",
        "queryStringParameters": {}, "headers": {"host": "mrq.example.org", **headers}, "isBase64Encoded": False,
    }  # fmt: skip


@pytest.mark.parametrize("event", [request, behind_a_load_balancer])
@pytest.mark.parametrize("root", ["", "/prod"])
def test_requests_are_answered_also_under_a_path(event: Callable[..., dict[str, Any]], root: str) -> None:
    with memory_app(dashboard_secret="s", dashboard_httpauth="a:b", dashboard_root_path=root) as app:
        app.enqueuer.enqueue("t.T", [{}], "q")
        for _ in range(2):  # a warm start, too
            answer = handler(event(f"{root}/api/v1/overview", **BASIC), FakeContext())
            assert answer["statusCode"] == 200, answer
            assert json.loads(answer["body"])["figures"]["workers"] == 0
        assert handler(event(f"{root}/api/v1/overview"), FakeContext())["statusCode"] == 401


def test_after_a_rotation_of_secrets_the_new_app_is_served() -> None:
    with memory_app(dashboard_secret="s", dashboard_httpauth="a:b"):
        assert handler(request("/api/v1/overview", **BASIC), FakeContext())["statusCode"] == 200
    with memory_app(dashboard_secret="s", dashboard_httpauth="a:other"):
        assert handler(request("/api/v1/overview", **BASIC), FakeContext())["statusCode"] == 401


@pytest.mark.parametrize("event", [None, {}, {"detail-type": "Scheduled Event"}, {"Records": []}])
def test_what_is_no_request_is_a_clear_error(event: Any) -> None:
    with (
        memory_app(dashboard_secret="s", dashboard_httpauth="a:b"),
        pytest.raises(NoRequestError, match="this event has no requestContext"),
    ):
        handler(event, FakeContext())


def test_sessions_hold_in_all_sandboxes() -> None:
    with memory_app(dashboard_httpauth="a:b"), pytest.raises(ConfigError, match="DASHBOARD_SECRET has to be set"):
        handler(request("/api/v1/overview"), FakeContext())


def test_a_dashboard_that_is_open_to_everybody_is_refused() -> None:
    with memory_app(), pytest.raises(ConfigError, match="open to everybody"):
        handler(request("/api/v1/overview"), FakeContext())


@pytest.mark.parametrize("many", [False, True])
def test_a_load_balancer_s_tries_to_log_in_are_counted_by_who_has_connected(many: bool) -> None:
    with memory_app(dashboard_secret="s", dashboard_httpauth="a:b") as app:
        for number in range(2):
            hops = f"10.9.9.{number}, 192.0.2.7:4711"
            event = behind_a_load_balancer("/api/v1/session", **{"content-type": "application/json"})
            event |= {"httpMethod": "POST", "body": json.dumps({"user": f"u{number}", "password": "x"})}
            event["headers"]["X-Forwarded-For"] = hops
            if many:
                event["multiValueHeaders"] = {name: [value] for name, value in event.pop("headers").items()}
            assert handler(event, FakeContext())["statusCode"] == 401
        assert {entry.target for entry in app.audit.page(10)} == {"192.0.2.7"}


def test_behind_a_load_balancer_no_header_names_the_user() -> None:
    about: dict[str, Any] = {"dashboard_proxies": ["10.0.0.0/8"], "dashboard_proxy_header": "x-user"}
    headers = {"x-user": "a", "x-forwarded-for": "10.0.0.1"}
    with memory_app(dashboard_secret="s", dashboard_users={"a": {"role": "admin"}}, **about):
        with pytest.raises(ConfigError, match="DASHBOARD_PROXY_HEADER"):
            handler(behind_a_load_balancer("/api/v1/overview", **headers), FakeContext())
        assert handler(request("/api/v1/overview", **headers), FakeContext())["statusCode"] == 200
