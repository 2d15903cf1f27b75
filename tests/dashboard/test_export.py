"""Lists of jobs, and the audit log, as files."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from mrq_dashboard import exporting
from mrq_dashboard.exporting import FORMULAS, harmless
from support.dashboards import API, put

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from mrq.app import App


def rows(client: TestClient, **asked: Any) -> list[list[str]]:
    answer = client.get(f"{API}/jobs/export", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.reader(io.StringIO(answer.text)))


def test_a_list_for_a_spreadsheet(client: TestClient, app: App) -> None:
    one = put(app, "failed", path='=HYPERLINK("x")', params={"a, b": 'c"d', "token": "secret"}, queue="crawl")
    put(app, "success", queue="other")
    head, row = rows(client, queue="crawl")
    found = dict(zip(head, row, strict=True))
    assert (found["id"], found["queue"], found["status"]) == (one, "crawl", "failed")
    assert found["task"] == '\'=HYPERLINK("x")'
    assert json.loads(found["params"]) == {"a, b": 'c"d', "token": "***"}
    assert len(rows(client)) == 3


@pytest.mark.parametrize("begin", FORMULAS)
def test_no_cell_is_a_formula(begin: str) -> None:
    assert harmless(f"{begin}1+1") == f"'{begin}1+1"
    assert harmless(f"  {begin}1+1").startswith("'")
    assert harmless(-1.5) == -1.5
    assert harmless("1+1") == "1+1"


def test_a_list_as_json_lines(client: TestClient, app: App) -> None:
    jobs = [put(app, "success", params={"n": n}) for n in range(3)]
    text = client.get(f"{API}/jobs/export", params={"format": "jsonl"}).text
    assert [json.loads(line)["id"] for line in text.splitlines()] == jobs[::-1]


def test_a_long_list_says_how_to_go_on(client: TestClient, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [put(app, "success", params={"text": "x" * 100}) for _ in range(7)]
    asked: dict[str, Any] = {"format": "jsonl", "limit": 3}
    seen: list[str] = []
    for _ in range(3):
        lines = [json.loads(line) for line in client.get(f"{API}/jobs/export", params=asked).text.splitlines()]
        seen += [line["id"] for line in lines if "id" in line]
        asked["after"] = lines[-1].get("next")
    assert seen == jobs[::-1]
    monkeypatch.setattr(exporting, "PAGE", 2)
    monkeypatch.setattr(exporting, "LARGEST", 500)
    last = rows(client)[-1]
    assert last[0].startswith("# there are more; go on with after=")
    assert client.get(f"{API}/jobs/export", params={"order": "place"}).status_code == 422
    assert client.get(f"{API}/jobs/export", params={"format": "xlsx"}).status_code == 422


def test_the_audit_log_as_a_file(memory_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        memory_client.post(f"{API}/queues/pause", json={"name": f"q{n % 2}", "reason": f"=1+{n}"})
    answer = memory_client.get(f"{API}/audit/export", params={"target": "queue:q0"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="audit-' in answer.headers["content-disposition"]
    head, *found = list(csv.reader(io.StringIO(answer.text)))
    column = {name: [row[at] for row in found] for at, name in enumerate(head)}
    assert column["what"] == ["queue.pause"] * 3
    assert column["reason"] == ["'=1+4", "'=1+2", "'=1+0"]
    monkeypatch.setattr(exporting, "PAGE", 2)
    asked: dict[str, Any] = {"format": "jsonl", "limit": 2, "user": "local"}
    seen: list[str] = []
    for _ in range(3):
        lines = [json.loads(line) for line in memory_client.get(f"{API}/audit/export", params=asked).text.splitlines()]
        seen += [line["reason"] for line in lines if "id" in line]
        asked["after"] = lines[-1].get("next")
    assert seen == [f"=1+{n}" for n in range(4, -1, -1)]
    assert memory_client.get(f"{API}/audit/export", params={"user": "nobody", "format": "jsonl"}).text == ""
    monkeypatch.setattr(exporting, "LARGEST", 10)
    cut = memory_client.get(f"{API}/audit/export").text.splitlines()[-1]
    assert cut.startswith("# there are more; go on with after=")
