"""Workers that are told something, worker groups, agents, profiles."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import get_app
from mrq.domain.orders import Verb
from mrq.domain.profile import Profile
from mrq.domain.worker import WorkerRecord
from mrq_dashboard.authentication import new_token
from mrq_dashboard.flames import flames_of
from support.dashboards import API

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

LARGEST_ANSWER = 6_000_000  # bytes: what AWS Lambda takes
SIZING = {"queues": ["high"], "target": {"oldest_wait": 60}, "max_workers": 4}


def worker(*queues: str, **report: Any) -> str:
    app = get_app()
    record = WorkerRecord(app.jobs.new_id(), "w", app.clock.now(), 30.0)
    app.workers.register(record)
    config = {"queues": list(queues or ["default"]), "greenlets": 10}
    app.workers.report(record.id, {"status": "wait", "config": config, "jobs": [], **report})
    return str(record.id)


def put(client: TestClient, **words: Any) -> Any:
    answer = client.put(f"{API}/worker_groups", json={"name": "crawlers", **words})
    assert answer.status_code == 200, answer.text
    return answer.json()


def actions(client: TestClient) -> list[str]:
    return [entry["what"] for entry in client.get(f"{API}/audit").json()["entries"]]


def test_a_worker_is_told_and_answers(client: TestClient) -> None:
    app, one = get_app(), worker()
    url = f"{API}/workers/{one}/orders"
    told = client.post(url, json={"verb": "resize", "greenlets": 20, "reason": "sale"})
    assert told.status_code == 200, told.text
    order = f"{url}/{told.json()['id']}"
    assert client.get(order).json() == {"text": None}
    (given,) = app.orders.given(app.jobs.parse_id(one))
    assert (given.verb, given.arguments) == (Verb.RESIZE, {"greenlets": 20})
    app.orders.answer(app.jobs.parse_id(one), given.id, "runs up to 20 jobs, token=abc", app.clock.now())
    assert client.get(order).json() == {"text": "runs up to 20 jobs, token=***"}
    (entry,) = client.get(f"{API}/audit").json()["entries"]
    assert (entry["what"], entry["target"], entry["reason"]) == ("worker.resize", f"worker:{one}", "sale")
    assert entry["about"] == {"greenlets": 20}


def test_orders_that_make_no_sense(client: TestClient) -> None:
    one = worker()
    for wish in (
        {"verb": "resize"},
        {"verb": "dance"},
        {"verb": "quiet", "seconds": 5},
        {"verb": "profile", "seconds": 0},
    ):
        assert client.post(f"{API}/workers/{one}/orders", json=wish).status_code == 422, wish
    assert client.post(f"{API}/workers/{'0' * 24}/orders", json={"verb": "quiet"}).status_code == 404
    assert actions(client) == []


def test_workers_of_other_queues_are_not_ones_own(dashboard: Callable[..., TestClient]) -> None:
    (token, hashed), tokens = new_token(), {}
    tokens["leo"] = {"hash": hashed, "role": "operator", "queues": ["mail"]}
    client = dashboard(dashboard_tokens=tokens)
    client.headers["authorization"] = f"Bearer {token}"
    own, others = (
        worker("mail_reverse"),
        worker("mail", "crawl", io={"total": 1.0, "types": [["dns", 1.0]], "tasks": []}),
    )
    assert client.post(f"{API}/workers/{own}/orders", json={"verb": "quiet"}).status_code == 200
    assert client.post(f"{API}/workers/{others}/orders", json={"verb": "quiet"}).status_code == 403
    assert client.get(f"{API}/workers/{others}").json()["io"] is None
    for path in ("agents", "worker_groups", "worker_groups/detail?name=x", "profiles"):
        assert client.get(f"{API}/{path}").status_code == 403, path
    for path in ("/api/datatables/agents?sEcho=1", "/api/workergroups"):
        assert client.get(path).status_code == 403, path


def test_of_workers_of_other_queues_no_more_is_told_than_that_they_serve_ones_own(
    dashboard: Callable[..., TestClient],
) -> None:
    token, hashed = new_token()
    client = dashboard(dashboard_tokens={"leo": {"hash": hashed, "role": "viewer", "queues": ["mail", "crawl/eu/"]}})
    client.headers["authorization"] = f"Bearer {token}"
    about = {"process": {"pid": 7}}
    own, both, all_of_root, foreign = (
        worker("mail", **about), worker("mail", "secret", **about), worker("crawl/", **about),
        worker("secret", **about),
    )  # fmt: skip
    mute = worker(**about, config={})
    shown = {each["id"]: each for each in client.get(f"{API}/workers").json()["workers"]}
    assert set(shown) == {own, both, all_of_root}
    assert {each["id"] for each in client.get(f"{API}/overview").json()["workers"]} == set(shown)
    for one, queues, pid, name in (
        (own, ["mail"], 7, "w"), (both, ["mail"], None, both), (all_of_root, ["crawl/"], None, all_of_root),
    ):  # fmt: skip
        found = shown[one]
        assert (found["queues"], found["pid"], found["host"], found["name"]) == (queues, pid, None, name)
        alone = client.get(f"{API}/workers/{one}").json()
        assert {**alone, "silent": 0, "config": None} == {**found, "silent": 0}
        assert alone["config"] == ({"queues": ["mail"], "greenlets": 10} if one == own else None)
    for one in (foreign, mute):
        assert client.get(f"{API}/workers/{one}").status_code == 404
    history = {each: client.get(f"{API}/statistics/workers/{each}").status_code for each in (own, both, foreign, mute)}
    assert history == {own: 200, both: 404, foreign: 404, mute: 404}
    rows = client.get("/api/datatables/workers?sEcho=1").json()["aaData"]
    assert [row["_id"] for row in rows] == [own]


def test_what_a_worker_waits_for(client: TestClient) -> None:
    sums = {"total": 3.5, "types": [["http.get", 3.0], ["dns.getaddrinfo", 0.5]], "tasks": [["shop.Fetch", 3.5]]}
    one = client.get(f"{API}/workers/{worker(io=sums, quiet=True)}").json()
    assert one["quiet"]
    assert one["io"] == {
        "total": 3.5, "tasks": [{"name": "shop.Fetch", "seconds": 3.5}],
        "types": [{"name": "http.get", "seconds": 3.0}, {"name": "dns.getaddrinfo", "seconds": 0.5}],
    }  # fmt: skip


def test_a_group_is_made_changed_and_removed(client: TestClient) -> None:
    app = get_app()
    made = put(client, commands=["mrq-worker high --processes 3", "TOKEN=hush mrq-worker deep"], reason="more")
    assert (made["wanted"], made["agents"], made["problem"]) == (4, 0, None)
    assert made["commands"][1] == "TOKEN=*** mrq-worker deep"
    agent = app.jobs.new_id()
    app.agents.report(agent, {"worker_group": "crawlers", "status": "started", "total_cpu": 2048,
                              "current_workers": ["MRQ_WORKER_GROUP=crawlers mrq-worker high"]}, 60)  # fmt: skip
    (listed,) = client.get(f"{API}/worker_groups").json()["groups"]
    assert (listed["agents"], listed["running"], listed["assigned"]) == (1, 1, 0)
    changed = put(client, commands=["mrq-worker high"], sizing=SIZING, revision=listed["revision"])
    assert changed["sizing"] == SIZING
    stale = client.put(f"{API}/worker_groups", json={"name": "crawlers", "revision": listed["revision"]})
    assert stale.status_code == 409
    detail = client.get(f"{API}/worker_groups/detail", params={"name": "crawlers"}).json()
    assert [member["id"] for member in detail["members"]] == [str(agent)]
    assert detail["is_whole"]
    (shown,) = client.get(f"{API}/agents").json()["agents"]
    assert (shown["wanted"], shown["running"], len(shown["commands"])) == (0, 1, 1)
    assert (shown["group"], shown["cpu"], shown["is_late"]) == ("crawlers", 2048, False)
    assert client.delete(f"{API}/worker_groups", params={"name": "crawlers"}).status_code == 200
    assert client.delete(f"{API}/worker_groups", params={"name": "crawlers"}).status_code == 404
    assert app.agents.groups() == []
    assert actions(client) == ["group.remove", "group.change", "group.add"]
    assert "hush" not in client.get(f"{API}/audit").text


@pytest.mark.parametrize("wrong", [
    {"commands": ["mrq-worker 'high"]}, {"commands": ["A=1"]}, {"commands": ["mrq-worker --processes x"]},
    {"sizing": SIZING}, {"commands": ["mrq-worker"], "sizing": {"queues": []}}, {"name": "a b"}, {"name": "a;b"},
    {"commands": ["TOKEN=*** mrq-worker"]}, {"commands": ["mrq-worker\n"]}, {"surprise": 1},
])  # fmt: skip
def test_groups_that_could_not_be_run(client: TestClient, wrong: dict[str, Any]) -> None:
    answer = client.put(f"{API}/worker_groups", json={"name": "crawlers", **wrong})
    assert answer.status_code == 422, answer.text
    assert get_app().agents.groups() == []


def test_other_fields_of_a_group_stay(client: TestClient) -> None:
    get_app().agents.put_group(
        "crawlers", {"commands": ["mrq-worker"], "owner": "anna", "process_termination_timeout": 5}
    )
    made = put(client, commands=[])
    assert (made["more"], made["process_termination_timeout"]) == ({"owner": "anna"}, None)
    assert get_app().agents.group("crawlers") == {"_id": "crawlers", "commands": [], "owner": "anna"}


def test_a_group_that_cant_be_read_says_why(client: TestClient) -> None:
    get_app().agents.put_group("odd", {"commands": "mrq-worker"})
    (listed,) = client.get(f"{API}/worker_groups").json()["groups"]
    assert "commands should be a list" in listed["problem"]


def test_the_form_of_the_old_dashboard(client: TestClient) -> None:
    agents = get_app().agents
    agents.put_group("old", {"commands": ["mrq-worker"]})
    groups = {"a": {"commands": ["mrq-worker a --processes=2"]}, "b": {"commands": []}}
    answer = client.post("/api/workergroups", data={"workergroups": json.dumps(groups)})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    shown = client.get("/api/workergroups").json()["workergroups"]
    assert shown == {name: {"_id": name, **group} for name, group in groups.items()}
    for wrong in ("[]", "{", '{"a": 1}', '{"a": {"commands": "x"}}', '{"a": {"$x": 1}}', ""):
        assert client.post("/api/workergroups", data={"workergroups": wrong}).status_code == 422, wrong
    assert [group["_id"] for group in agents.groups()] == ["a", "b"]
    other = {"origin": "https://evil.example"}
    assert client.post("/api/workergroups", data={"workergroups": "{}"}, headers=other).status_code == 403


def test_only_administrators_say_what_is_run(dashboard: Callable[..., TestClient]) -> None:
    token, hashed = new_token()
    client = dashboard(dashboard_tokens={"leo": {"hash": hashed, "role": "operator"}})
    client.headers["authorization"] = f"Bearer {token}"
    assert client.put(f"{API}/worker_groups", json={"name": "a"}).status_code == 403
    assert client.delete(f"{API}/worker_groups", params={"name": "a"}).status_code == 403
    assert client.post("/api/workergroups", data={"workergroups": "{}"}).status_code == 403


def test_a_profile_is_a_tree(client: TestClient) -> None:
    app = get_app()
    stacks = {"shop.Parse;run (shop.py:1);parse (lxml.py:7)": 6, "shop.Parse;run (shop.py:1)": 1, "(no job);wait": 3}
    profile = Profile(app.jobs.new_id(), app.jobs.new_id(), app.clock.now(), 10.0, 10, stacks)
    app.profiles.put(profile)
    (listed,) = client.get(f"{API}/profiles", params={"worker": str(profile.worker)}).json()["profiles"]
    assert listed["tasks"] == [{"task": "shop.Parse", "samples": 7}, {"task": "(no job)", "samples": 3}]
    found = client.get(f"{API}/profiles/{profile.id}").json()
    assert [(flame["name"], flame["parent"], flame["samples"]) for flame in found["flames"]] == [
        ("shop.Parse", -1, 7), ("run (shop.py:1)", 0, 7), ("parse (lxml.py:7)", 1, 6), ("(no job)", -1, 3),
        ("wait", 3, 3),
    ]  # fmt: skip
    assert client.get(f"{API}/profiles/{'0' * 24}").status_code == 404
    assert client.get(f"{API}/profiles", params={"worker": "x"}).status_code == 422


def test_of_many_calls_those_seen_most_are_shown() -> None:
    stacks = Counter({f"task;f{number};g": number + 1 for number in range(300)})
    flames, hidden = flames_of(stacks, 101)
    assert len(flames) + hidden == 601
    assert len(flames) <= 101
    assert flames[0].samples == sum(stacks.values())
    names = {flame.name for flame in flames}
    assert {"f299", "f280"} <= names
    assert "f10" not in names
    for place, flame in enumerate(flames):
        assert flame.parent < place
    assert flames_of({}) == ([], 0)


def test_answers_are_bounded_whatever_workers_say(dashboard: Callable[..., TestClient]) -> None:
    client, now = dashboard(local_only=True), get_app().clock.now()
    wait = {"type": "x" * 600, "data": "x" * 600, "started": now}
    jobs = [
        {"id": "x" * 24, "path": "p" * 600, "datestarted": now, "stack": ["x" * 600] * 5, "io": wait} for _ in range(60)
    ]
    sums = [["x" * 600, 1.0]] * 20
    for _ in range(60):
        worker(jobs=jobs, io={"total": 1.0, "types": sums, "tasks": sums}, usage_avg=12.0)
    for number in range(60):
        group = {"commands": ["x" * 2_000] * 90, "sizing": {"a": "x" * 9_000}}
        get_app().agents.put_group(f"g{number}", group)
        get_app().agents.report(get_app().jobs.new_id(), {"worker_group": "g", "status": "started",
                                "current_workers": ["x" * 2_000] * 90}, 60)  # fmt: skip
    for path in ("workers", "overview", "worker_groups", "agents?limit=200"):
        answer = client.get(f"{API}/{path}")
        assert answer.status_code == 200, answer.text[:500]
        assert len(answer.content) < LARGEST_ANSWER, path
    busy = {found["busy"] for found in client.get(f"{API}/workers").json()["workers"]}
    assert busy == {120}
    assert not client.get(f"{API}/worker_groups/detail", params={"name": "g1"}).json()["is_whole"]
