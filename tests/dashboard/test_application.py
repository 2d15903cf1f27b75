"""The application as a whole: its description, its page, a prefix, AWS Lambda, servers that are away."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from mrq import schedules
from mrq.app import App
from mrq.domain.worker import WorkerRecord
from mrq.job import queue_jobs, queue_raw_jobs
from mrq.ports.errors import StoreUnavailableError
from mrq.testing import memory_app
from mrq_dashboard import application
from mrq_dashboard.application import create_app
from mrq_dashboard.openapi import description
from mrq_dashboard.routes import page
from mrq_dashboard.shown import Shower
from support.dashboards import ADD, API, client_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastapi.testclient import TestClient


def test_no_request_that_the_description_allows_breaks_it() -> None:
    with memory_app(tasks={ADD: {}}) as app:
        made = create_app(app, background=False, local_only=True)
        schema = schemathesis.openapi.from_dict(made.openapi())
        schema.app = made

        queue_jobs(ADD, [{"a": 1}, {"a": float("inf"), "token": "x"}], "crawl/eu")
        queue_raw_jobs("p_timed_set", {"a": 1.0})
        schedules.add(ADD, interval=60)
        app.workers.register(WorkerRecord(app.jobs.new_id(), "w", app.clock.now(), 30.0))
        broken: list[str] = []
        seen: Counter[int] = Counter()
        for result in schema.get_all_operations():
            _try(result.ok(), broken, seen)
        assert broken == []
        assert seen[200] > 50
        assert not seen[403]


def _try(operation: Any, broken: list[str], seen: Counter[int]) -> None:
    """Call one operation with what its description allows."""

    @settings(
        max_examples=10, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def call(case: Any) -> None:
        answer = case.call(headers={"host": "127.0.0.1"})
        seen[answer.status_code] += 1
        if answer.status_code >= 500:
            broken.append(f"{operation.label}: {answer.status_code} {case.as_curl_command()}")

    call()


def test_the_description_is_whole() -> None:
    document = json.loads(description())
    operations = [each for path in document["paths"].values() for each in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names)) > 35
    for operation in operations:
        content = operation["responses"]["200"]["content"]
        assert "text/csv" in content or "$ref" in content["application/json"]["schema"], operation["operationId"]
    assert description() == description()


def test_the_page_if_it_is_not_built(
    memory_client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(page, "DIST", tmp_path)
    answer = memory_client.get("/")
    assert answer.status_code == 200
    assert "make ui" in answer.text
    assert memory_client.get("/assets/x.js").status_code == 404


def test_the_page_if_it_is_built(memory_client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(page, "DIST", tmp_path / "dist")
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "dist" / "index.html").write_text("<!doctype html><html><head><title>MRQ</title></head></html>")
    (tmp_path / "dist" / "assets" / "app-1.js").write_text("1")
    html = {"accept": "text/html"}
    assert '<head><base href="/">' in memory_client.get("/", headers=html).text
    assert memory_client.get("/jobs/123", headers=html).text == memory_client.get("/", headers=html).text
    assert memory_client.get("/jobs/123").status_code == 404
    script = memory_client.get("/assets/app-1.js")
    assert "immutable" in script.headers["cache-control"]
    assert "javascript" in script.headers["content-type"]
    long = "x" * 5_000
    for path in ("/assets/../../secret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets/", "/assets/%00",
                 f"/assets/{long}"):  # fmt: skip
        assert memory_client.get(path).status_code == 404


def test_under_a_prefix(dashboard: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(page, "DIST", tmp_path)
    client = dashboard(local_only=True, dashboard_root_path="/mrq/")
    for path in ("/mrq/api/v1/session", "/api/v1/session"):
        assert client.get(path).status_code == 200
    assert "/mrq/api/v1/overview" in client.get("/mrq/").text


def test_health_and_readiness(memory_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_client.get("/health").json() == {"ok": True}
    assert memory_client.get("/ready").json() == {"ok": True, "mongodb": True, "redis": True}
    app = memory_client.app.state.services.mrq  # type: ignore[attr-defined]

    def away() -> str:
        raise StoreUnavailableError("MongoDB is not available: mongodb://u:hunter2@h")

    monkeypatch.setattr(app.jobs, "ping", away)
    answer = memory_client.get("/ready")
    assert (answer.status_code, answer.json()["mongodb"]) == (503, False)


def test_servers_that_are_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "LONGEST_REQUEST", 0.5)
    app = App(
        {
            "mongodb_jobs": "mongodb://u:hunter2@127.0.0.1:9/x?serverSelectionTimeoutMS=200",
            "redis": "redis://127.0.0.1:9",
        }
    )
    with client_of(app, background=False) as client:
        for path in ("jobs", "overview", "queues", "audit"):
            answer = client.get(f"{API}/{path}")
            assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
            assert "hunter2" not in answer.text
        assert client.get("/health").status_code == 200
    app.close()


def test_a_request_has_a_time_limit(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get(f"{API}/jobs").status_code == 200
    monkeypatch.setattr(application, "LONGEST_REQUEST", 1e-6)  # seconds, of all that is asked of MongoDB
    answer = client.get(f"{API}/jobs")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")


def test_an_error_of_our_own_tells_nothing(memory_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    app = memory_client.app.state.services.mrq  # type: ignore[attr-defined]

    def broken(*_: Any) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(app.job_lists, "page", broken)
    answer = memory_client.get(f"{API}/jobs")
    assert (answer.status_code, answer.json()["error"]) == (500, "internal")
    assert "hunter2" not in answer.text


def event(path: str, method: str = "GET", body: str | None = None, **headers: str) -> dict[str, Any]:
    """A request as a function URL, or API Gateway with payloads of version 2, sends it."""
    return {
        "version": "2.0", "rawPath": path, "rawQueryString": "", "isBase64Encoded": False, "body": body,
        "headers": {"host": "mrq.example.org", "x-forwarded-proto": "https", **headers},
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "10.0.0.1", "protocol": "HTTP/1.1"}},
    }  # fmt: skip


def on_lambda(app: App) -> Callable[[dict[str, Any]], Any]:
    """The application behind Mangum. Each event in a thread with an event loop of its own: that of this thread may be
    at work, for a browser."""
    from mangum import Mangum

    handler = Mangum(create_app(app, background=False), lifespan="off")

    def answer(given: dict[str, Any]) -> Any:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return handler(given, {})  # type: ignore[arg-type]
        finally:
            loop.close()

    def call(given: dict[str, Any]) -> Any:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(answer, given).result()

    return call


def test_on_aws_lambda() -> None:
    with memory_app(dashboard_httpauth="a:b", dashboard_root_path="/prod") as app:
        handler = on_lambda(app)
        basic = {"authorization": "Basic YTpi"}
        answer = handler(event("/prod/api/v1/overview", **basic))
        assert answer["statusCode"] == 200, answer
        assert json.loads(answer["body"])["figures"]["workers"] == 0
        assert handler(event("/prod/api/v1/overview"))["statusCode"] == 401
        wish = json.dumps({"action": "cancel", "filter": {}, "dry_run": False})
        asked = event("/prod/api/v1/operations", "POST", wish, **basic, **{"content-type": "application/json"})
        begun = json.loads(handler(asked)["body"])["operation"]["id"]
        seen = handler(event(f"/prod/api/v1/operations/{begun}", **basic))
        assert json.loads(seen["body"])["state"] == "done"


def test_behind_a_load_balancer_of_aws() -> None:
    with memory_app(dashboard_httpauth="a:b", dashboard_root_path="/mrq") as app:
        handler = on_lambda(app)
        asked = {
            "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/x/y"}},
            "httpMethod": "GET", "path": "/mrq/api/v1/jobs", "body": "", "isBase64Encoded": False,
            "queryStringParameters": {"queue": "crawl%2Feu", "limit": "5"},
            "headers": {"host": "mrq.example.org", "authorization": "Basic YTpi", "x-forwarded-for": "10.0.0.1"},
        }  # fmt: skip
        answer = handler(asked)
        assert answer["statusCode"] == 200, answer
        assert json.loads(answer["body"])["jobs"] == []
        session = handler({**asked, "path": "/mrq/", "queryStringParameters": {}})
        assert session["statusCode"] == 200
        assert 'base href="/mrq/"' in session["body"] or "/mrq/api/v1" in session["body"]


def test_names_of_secrets() -> None:
    shower = Shower(["Kundennummer"])
    for name in ("password", "DB_PASSWORD", "apiKey", "x-auth-token", "Authorization", "clientSecret", "kundennummer",
                 "AWS_SECRET_ACCESS_KEY", "session_id", "Set-Cookie"):  # fmt: skip
        assert shower.is_secret(name), name
    for name in ("author", "key", "tokenizer", "passage", "pinned", "id", "secretary", "session", "card", "monkey"):
        assert not shower.is_secret(name), name


def test_values_are_cut_and_say_so() -> None:
    shower = Shower()
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    assert "..." in json.dumps(shower.value(deep))
    shown = shower.value({"a": list(range(10_000)), "b": 1}, 500)
    assert shown["a"][-1] == f"... {10_000 - len(shown['a']) + 1} more"
    assert shown["..."] == "1 more"
    assert shower.value("x" * 30_000).endswith("more characters")
    assert len(json.dumps(shower.value({"a": ["x" * 100] * 1000}, 1_000))) < 3_000


def test_secrets_in_pairs_are_hidden() -> None:
    shown = Shower().value({"headers": [["Authorization", "Bearer x"], ["n", "1"], ["token", ""]]})
    assert shown == {"headers": [["Authorization", "***"], ["n", "1"], ["token", ""]]}


@pytest.mark.parametrize("many", [10, 5_000])
def test_a_secret_is_hidden_also_where_a_text_is_cut_in_it(many: int) -> None:
    shower, secret = Shower(), "hunter2" * 20
    for text in (
        "a " * many + f"password={secret} " + "b" * 60,  # its end would be shown, without its name
        "b" * 80 + f" https://u:{secret}@h/ " + "a " * many,  # its begin would be shown, without the @
    ):
        shown = shower.text(text, 200)
        assert "hunter2" not in shown
        assert "bbbbb" in shown
        assert len(shown) < 260
