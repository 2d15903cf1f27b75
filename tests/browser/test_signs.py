"""What the pages tell at a glance: trends, what is calm, what waits for its time, where a run's time went."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from mrq.domain.worker import WorkerRecord
from mrq.job import queue_job, queue_raw_jobs
from mrq.ports.logs import LogText
from mrq.stores.ids import new_id
from support.browsers import PATIENCE, until_shown
from support.dashboards import put
from support.dashboardsite import SHOP

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from support.faultsite import FaultSite

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.timeout(400)  # seconds; most of it is patience


def test_groups_of_failures_have_a_trend(page: Page, site: FaultSite) -> None:
    now = site.app.clock.now()
    for hours in (0, 0, 5):
        ended = now - timedelta(hours=hours, seconds=1)
        put(site.app, "failed", now=ended, path="trend.Task", exceptiontype="TrendError", dateupdated=ended)
    words = "3 failed in the last 24 hours, 2 of them in the last one"
    for path in ("/failures", "/"):
        page.goto(path)
        row = page.get_by_role("row").filter(has_text="TrendError")
        expect(row.get_by_role("img", name=words)).to_be_visible()
    page.get_by_role("link", name="TrendError").first.click()
    expect(page.get_by_role("img", name=words)).to_be_visible()


def test_since_when_all_is_clear(page: Page) -> None:
    def answer(route: Route) -> None:
        since = datetime.now(UTC).replace(hour=0, minute=0, second=7, microsecond=0)
        route.fulfill(json={**route.fetch().json(), "attention": [], "calm_since": since.isoformat()})

    page.route("**/api/v1/overview", answer)
    page.goto("/")
    expect(page.get_by_role("region", name="Needs attention")).to_contain_text("All clear since 00:00:07")


def test_what_waits_is_compared_with_an_hour_ago(page: Page) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    at = [(now - timedelta(minutes=ago)).isoformat() for ago in (59, 58, 1)]
    queues = [{"queue": "a", "waiting": [None, 80, 100]}, {"queue": "b", "waiting": [None, 20, 50]}]
    page.route("**/api/v1/statistics/backlogs", lambda route: route.fulfill(json={"at": at, "queues": queues}))
    page.goto("/")
    figure = page.get_by_role("region", name="Key figures").get_by_role("link", name=re.compile("^Waiting"))
    expect(figure).to_contain_text("+50 %")
    expect(figure.get_by_title(re.compile("^at .*: 100$"))).to_be_visible()


def test_what_jobs_of_a_worker_wait_for_is_a_table(page: Page, site: FaultSite) -> None:
    app, now = site.app, site.app.clock.now()
    record = WorkerRecord(app.jobs.new_id(), "waiting", now, 3600.0)
    app.workers.register(record)
    jobs: list[dict[str, Any]] = [
        {"id": str(app.jobs.new_id()), "path": f"shop.{name}", "datestarted": now, "stack": [], "io": wait}
        for name, wait in (
            ("Fetch", {"type": "http.get", "data": "shop.example", "started": now - timedelta(seconds=5)}),
            ("Query", {"type": "mongodb.find", "data": "shop.prices", "started": now - timedelta(minutes=2)}),
        )
    ]
    app.workers.report(record.id, {"status": "wait", "config": {"queues": ["parse"]}, "jobs": jobs})
    page.goto(f"/workers/{record.id}")
    table = page.get_by_role("region", name="What its jobs wait for").get_by_role("table")
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("mongodb.find")
    expect(rows.first).to_contain_text("shop.prices")
    expect(rows.first).to_contain_text(re.compile(r"2m \d\ds"))
    expect(page.get_by_role("region", name="Configuration")).to_contain_text('"queues"')
    expect(rows.last.get_by_role("link", name="shop.Fetch")).to_have_attribute("href", f"/jobs/{jobs[0]['id']}")


def test_a_job_that_waits_for_its_time_is_delayed(page: Page) -> None:
    job = queue_job(f"{SHOP}.parse_product", {"url": "x", "shop": "y"}, queue="parse", delay=3600)
    page.goto("/jobs?status=queued&queue=parse")
    expect(page.locator(f'tr[data-id="{job}"] .st.delayed')).to_have_text("delayed")
    page.goto(f"/jobs/{job}")
    expect(page.locator(".jh .st.delayed")).to_have_text("delayed")


def test_queues_that_nobody_serves_come_first_and_say_so(page: Page, site: FaultSite) -> None:
    put(site.app, "queued", path="shop.Any", queue="abandoned")
    for path in ("/queues", "/"):
        page.goto(path)
        first = page.get_by_role("group", name="Queues", exact=True).locator("tbody tr").first
        expect(first).to_contain_text("abandoned")
        expect(first.locator(".st.failed")).to_have_text("unserved")
    expect(page.get_by_role("region", name="Needs attention")).to_contain_text("Nothing serves abandoned")
    page.goto("/queues/one?name=abandoned")
    expect(page.get_by_role("region", name="Workers on it")).to_contain_text("mrq worker abandoned")


def test_a_queue_tells_of_its_workers(page: Page, site: FaultSite) -> None:
    page.goto("/queues/one?name=parse")
    name = site.app.workers.fetch(site.app.jobs.parse_id(next(iter(site.worker_statuses()))))["name"]  # type: ignore[index]
    expect(page.get_by_role("region", name="Workers on it")).to_contain_text(name)
    expect(page.get_by_role("region", name="Tasks in it")).to_be_visible()


def test_settings_say_what_is_kept_and_who_comes_in(page: Page) -> None:
    page.goto("/settings")
    kept = page.get_by_role("region", name="What is kept for how long")
    expect(kept.get_by_role("row").filter(has_text="DEFAULT_JOB_RESULT_TTL")).to_contain_text("7 days")
    expect(page.get_by_role("region", name="Who comes in")).to_contain_text("Nobody has to log in")


def test_where_the_time_of_a_run_went_is_drawn_to_scale(page: Page, site: FaultSite) -> None:
    ended = site.app.clock.now().replace(microsecond=0)
    started = ended - timedelta(seconds=10)
    io = {"run": started, "sums": [["http.get", 4.0, 2], ["http.post", 2.0, 1], ["redis.get", 1.0, 30]]}
    job = put(
        site.app, "success", path="shop.Import", queue="parse", datequeued=started, datestarted=started,
        dateupdated=ended, totaltime=10.0, time=2.0, io=io,
    )  # fmt: skip
    page.goto(f"/jobs/{job}")
    spent = page.get_by_role("region", name="Where the time went")
    bar = spent.get_by_role("img", name="http 6.00 s, redis 1.00 s, on the processor 2.00 s, the rest 1.00 s")
    expect(bar).to_be_visible()
    widths = [float(each.get_attribute("width") or 0) for each in bar.locator("rect").all()]
    assert widths[0] / widths[1] == pytest.approx(6, rel=0.1)
    expect(spent).to_contain_text("of the last run: 60% http")
    expect(spent).to_contain_text("redis.get × 30")


def test_a_job_opens_beside_the_list_and_then_on_its_page(page: Page, site: FaultSite) -> None:
    task = "beside.Task"
    now = site.app.clock.now()
    about = {"exceptiontype": "BesideError", "traceback": "BesideError: no", "datestarted": now, "dateupdated": now}
    older, newer = (put(site.app, "failed", path=task, **about) for _ in range(2))
    page.goto(f"/jobs?task={task}")
    expect(page.locator("tbody tr")).to_have_count(2)
    beside = page.get_by_role("complementary", name="Job beside the list")
    until_shown(page, "j", page.locator("a.e:focus"))
    page.keyboard.press("Enter")
    expect(beside).to_contain_text(newer)
    expect(beside.locator(".exc")).to_have_text("BesideError: no")
    assert f"job={newer}" in page.url
    page.reload()
    expect(beside).to_contain_text(newer)
    page.keyboard.press("Escape")
    expect(beside).to_have_count(0)
    assert "job=" not in page.url
    page.locator(f'tr[data-id="{older}"] a.e').click()
    expect(beside).to_contain_text(older)
    page.go_back()
    expect(beside).to_have_count(0)
    for _ in range(2):
        page.locator(f'tr[data-id="{older}"] a.e').click()
    expect(page.locator(".jh")).to_contain_text(older)
    assert page.url.endswith(f"/jobs/{older}")
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(f"/jobs?task={task}")
    page.locator(f'tr[data-id="{older}"] a.e').click()
    expect(page.locator(".jh")).to_contain_text(older)


def test_a_bar_of_due_times_leads_to_what_is_within_it(page: Page, site: FaultSite) -> None:
    now = site.app.clock.now().timestamp()
    queue_raw_jobs("narrow_timed_set", {"a": now + 3600, "b": now + 3700, "c": now + 300_000})
    page.goto("/queues/one?name=narrow_timed_set")
    spread = page.get_by_role("region", name="Due times")
    expect(spread.locator("header")).to_contain_text("3")
    spread.get_by_role("link", name=re.compile(": 2$")).click()
    expect(page).to_have_url(re.compile("from=.*to="))
    expect(spread.locator("header .sub")).to_have_text("2")
    spread.get_by_role("link", name="All scores").click()
    expect(spread.locator("header .sub")).to_have_text("3")


def test_a_part_that_can_not_be_loaded_says_so(page: Page) -> None:
    page.route("**/assets/settings-*", lambda route: route.abort())
    page.goto("/settings")
    expect(page.get_by_role("alert")).to_contain_text("can't be loaded")
    page.unroute("**/assets/settings-*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("region", name="Who comes in")).to_be_visible()


def test_the_log_of_one_attempt_alone(page: Page, site: FaultSite) -> None:
    app, now = site.app, site.app.clock.now().replace(microsecond=0)
    starts = [now - timedelta(seconds=20), now - timedelta(seconds=10)]
    runs = [{"datestarted": start, "dateended": start, "end": "failed"} for start in starts]
    job = put(app, "failed", exceptiontype="ValueError", attempts=runs, datestarted=starts[1], dateupdated=now)
    assert app.logs is not None
    app.logs.append([
        LogText(new_id(), f"said by {number}\n", job=app.jobs.parse_id(job), run=start)
        for number, start in enumerate(starts, 1)
    ])  # fmt: skip
    page.goto(f"/jobs/{job}")
    log = page.get_by_role("log")
    expect(log).to_contain_text("said by 2")
    page.get_by_role("region", name="Log").get_by_role("button", name="1", exact=True).click()
    expect(log).not_to_contain_text("said by 2")
    expect(log).to_contain_text("said by 1")
    assert "log=1" in page.url
    page.get_by_role("button", name="All attempts").click()
    expect(log).to_contain_text("said by 2")
