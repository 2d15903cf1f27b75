"""What a user does, from the first look to the last click, beside a live worker."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from mrq import schedules
from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.loglines import LogMark
from mrq.job import queue_job
from mrq.ports.deploys import Deploy
from mrq.ports.logs import LogText
from mrq.stores.ids import new_id
from support.browsers import PATIENCE, until_shown
from support.dashboards import counted, put
from support.dashboardsite import SHOP
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from support.dashboardsite import DashboardServer
    from support.faultsite import FaultSite

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.timeout(400)  # seconds; most of it is patience
SOON = PATIENCE / 1000  # seconds
PARSE = f"{SHOP}.parse_product"


def status_of(site: FaultSite, job: object) -> str:
    document = site._database.mrq_jobs.find_one({"_id": job})
    return str(document["status"]) if document else ""


def test_a_job_is_queued_by_the_form_and_seen_to_its_end(page: Page, site: FaultSite) -> None:
    queue_job(PARSE, {"url": "https://shop.example/known", "shop": "shop-de"}, queue="parse")
    page.goto(f"/tasks/one?name={PARSE}")
    page.get_by_label("url").fill("https://shop.example/from-the-form")
    page.get_by_label("shop").fill("shop-de")
    page.get_by_role("textbox", name="Queue", exact=True).fill("parse")
    page.get_by_role("button", name="Queue a job").click()
    page.get_by_role("status").get_by_role("link", name="Show").click()
    expect(page.locator(".jh .st")).to_have_text("success")
    page.get_by_role("tab", name="Result").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("12.5")
    assert "tab=result" in page.url
    expect(page.get_by_role("log")).to_contain_text("slow response: 3.26 s")


def test_the_growth_of_tasks_is_a_column_where_it_was_measured(page: Page, site: FaultSite) -> None:
    counted(site.app, 5, 1.0, 10, path=PARSE)
    page.goto("/tasks")
    tasks = page.get_by_role("group", name="Tasks")
    row = tasks.get_by_role("row").filter(has_text=PARSE)
    expect(row).to_be_visible()
    expect(tasks).not_to_contain_text("Grew a run")
    counted(site.app, 4, 1.0, 10, path=PARSE, grown=480_000)
    expect(tasks.get_by_role("columnheader", name="Grew a run")).to_be_visible()
    expect(row).to_contain_text("48 kB")


def test_a_failure_is_seen_and_requeued_in_bulk(page: Page, site: FaultSite) -> None:
    site.app.deploys.mark(Deploy("2026-1", site.app.clock.now() - timedelta(minutes=1)))
    jobs = [queue_job(PARSE, {"url": f"https://shop.example/{n}", "shop": "shop-fr"}, queue="parse") for n in range(5)]
    for _ in range(10):  # what the failed ones have and these don't is what they share
        put(site.app, "success", path=PARSE, queue="parse", params={"shop": "shop-de"})
    for job in jobs:
        wait_until(lambda job=job: status_of(site, job) == "failed", SOON, what="it fails")
    page.goto("/")
    attention = page.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("ValueError")
    attention.get_by_role("link", name="See group").click()
    expect(page.get_by_role("heading", name="ValueError")).to_be_visible()
    expect(page.get_by_title("Not seen before the last deploy")).to_have_text("new")
    expect(page.locator(".fr.own").last).to_contain_text("raise ValueError")
    expect(page.get_by_role("region", name="What these failures share")).to_contain_text("shop = shop-fr")
    page.get_by_role("link", name="Open the job").click()
    beside = page.get_by_role("region", name="What these failures share")
    expect(beside).to_contain_text("shop = shop-fr")
    beside.get_by_role("link", name="See group").click()
    before = {str(job["_id"]): job["datequeued"] for job in site.jobs() if job["status"] == "failed"}
    page.get_by_role("button", name="Requeue all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{len(before)} jobs match")
    dialog.get_by_label("Reason").fill("selectors are mended")
    dialog.get_by_role("button", name=f"Requeue {len(before)}").click()
    expect(dialog.locator(".st")).to_have_text("done")
    dialog.get_by_role("button", name="Close").last.click()
    after = {str(job["_id"]): job["datequeued"] for job in site.jobs()}
    assert all(after[job] > queued for job, queued in before.items())
    page.goto("/audit")
    expect(page.get_by_role("table")).to_contain_text("selectors are mended")
    with page.expect_download() as waited:
        page.get_by_role("link", name="CSV").click()
    assert "selectors are mended" in waited.value.path().read_text(encoding="utf-8")


def test_a_running_job_is_watched_and_its_log_tailed(page: Page, site: FaultSite, tmp_path: Path) -> None:
    end = tmp_path / "end"
    job = queue_job(f"{SHOP}.import_feed", {"feed": "one", "until": str(end)}, queue="feeds")
    page.goto(f"/jobs/{job}")
    expect(page.locator(".jh .st")).to_have_text("started")
    log = page.get_by_role("log")
    expect(log).to_contain_text("line 0 of one")
    expect(log).to_contain_text("line 50 of one")
    expect(page.get_by_role("region", name="Where it is now")).to_contain_text("import_feed")
    page.get_by_placeholder("Search the log").fill("line 10 of")
    expect(log.locator("div")).to_have_count(1)
    page.goto("/workers")
    expect(page.locator(".cells i.b, .cells i.l")).not_to_have_count(0)
    page.goto(f"/jobs/{job}")
    end.touch()
    expect(page.locator(".jh .st")).to_have_text("success")


def test_the_lines_of_a_log_are_shown_with_time_and_level_whatever_their_format(page: Page, site: FaultSite) -> None:
    job, began = site.app.jobs.parse_id(put(site.app, "success", path=PARSE, queue="parse")), datetime(2026, 1, 5, 12)
    smaller, larger = sorted([new_id(), new_id()], key=str)
    marks = (LogMark(len("out of paper\n  of any size\n"), began, 40), LogMark(len("fine\n"), began, 20))
    site.app.logs.append(  # type: ignore[union-attr]
        [LogText(larger, "out of paper\n  of any size\nfine\n", job=job, run=began, marks=marks)]
    )
    page.goto(f"/jobs/{job}")
    lines = page.get_by_role("log").locator("div")
    expect(lines).to_have_count(2)
    expect(lines.first).to_have_text(re.compile(r"12:00:00.* ERROR out of paper\s+of any size"))
    again, warned = datetime(2026, 1, 5, 12, 0, 1), "[WARNING] ink is low\n"
    mark = (LogMark(len(warned), again, 30),)
    site.app.logs.append([LogText(smaller, warned, job=job, run=again, marks=mark)])  # type: ignore[union-attr]
    expect(lines).to_have_text([re.compile("out of paper"), re.compile("INFO fine"), re.compile(r"^\[WARNING\] ink")])
    page.get_by_role("button", name="Errors 1").click()
    expect(lines).to_have_count(1)


def test_a_job_is_cancelled_by_a_key(page: Page, site: FaultSite) -> None:
    job = queue_job(PARSE, {"url": "x", "shop": "y"}, queue="nobody")
    page.goto("/jobs?queue=nobody")
    page.get_by_role("link", name=PARSE).wait_for()
    until_shown(page, "j", page.locator("[data-row]:focus"))
    page.keyboard.press("c")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("cancelled")
    assert status_of(site, job) == "cancel"


def test_a_job_that_bursts_leave_to_containers_says_what_it_needs(page: Page, site: FaultSite) -> None:
    for overruns, shown in ((1, 0), (MOST_OVERRUNS, 1)):
        page.goto(f"/jobs/{put(site.app, 'queued', queue='nobody', overruns=overruns)}")
        expect(page.locator(".jh .line")).to_contain_text("waits for")
        expect(page.get_by_text("It needs a container")).to_have_count(shown)


def test_a_queue_is_paused_with_a_reason_and_goes_on(page: Page, site: FaultSite) -> None:
    queue_job(PARSE, {"url": "x", "shop": "y"}, queue="webhooks")
    page.goto("/queues")
    page.get_by_role("button", name="Pause webhooks").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("S3 key rotation")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("row", name=re.compile("webhooks"))).to_contain_text("paused by local")
    assert site.app.pauses.paused() == {"webhooks"}
    page.goto("/")
    attention = page.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("S3 key rotation")
    attention.get_by_role("button", name="Resume").click()
    expect(attention).not_to_contain_text("S3 key rotation")
    assert site.app.pauses.paused() == frozenset()


def test_the_server_dies_and_the_page_says_so_and_recovers(page: Page, server: DashboardServer) -> None:
    page.goto("/queues")
    row = page.get_by_role("row", name=re.compile("parse"))
    expect(row).to_be_visible()
    server.kill()
    expect(page.get_by_role("alert").first).to_contain_text("has not answered since")
    expect(row).to_be_visible()  # what was known stays, dimmed
    expect(page.locator(".stale")).to_have_count(1)
    server.start()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".stale")).to_have_count(0)


def test_a_schedule_is_added_run_paused_and_removed(page: Page, site: FaultSite) -> None:
    page.goto("/schedules")
    page.get_by_role("button", name="Add a schedule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Task", exact=True).fill(PARSE)
    dialog.get_by_role("textbox", name="Seconds", exact=True).fill("3600")
    dialog.get_by_label("Params").fill('{"url": "u", "shop": "s"}')
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("link", name=PARSE).click()
    expect(page.locator(".jh")).to_contain_text("every 1h 00m")
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run now").click()
    params = {"url": "u", "shop": "s"}
    wait_until(lambda: any(job["path"] == PARSE and job["params"] == params for job in site.jobs()), SOON)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.locator(".jh .st")).to_have_text("paused")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("There are no schedules")).to_be_visible()


def test_filters_are_in_the_address_and_rows_dont_jump(page: Page, site: FaultSite) -> None:
    queue_job(PARSE, {"url": "first", "shop": "y"}, queue="still")
    page.goto("/jobs")
    page.get_by_label("Filter by").select_option("queue")
    page.get_by_label("Value").fill("still")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page).to_have_url(re.compile("queue=still"))
    expect(page.locator("tbody tr")).to_have_count(1)
    queue_job(PARSE, {"url": "second", "shop": "y"}, queue="still")
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="1 new").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name=re.compile("^Success")).click()
    expect(page.get_by_text("2 match without status")).to_be_visible()
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(2)


def test_a_job_tells_where_its_time_went(page: Page, site: FaultSite) -> None:
    now = site.app.clock.now()
    times = {"datequeued": now - timedelta(seconds=10), "datestarted": now - timedelta(seconds=6), "dateupdated": now}
    traced = put(site.app, "success", path=PARSE, queue="parse", **times, totaltime=6.0, time=1.5, switches=3)
    plain = put(site.app, "success", path=PARSE, queue="parse", **times, totaltime=6.0)
    page.goto(f"/jobs/{traced}")
    spent = page.get_by_role("region", name="Where the time went").locator("dd.n")
    expect(spent).to_have_text(["4.00 s", "4.50 s", "1.50 s"])
    page.goto(f"/jobs/{plain}")
    expect(page.get_by_role("region", name="Related")).to_be_visible()
    expect(spent).to_have_count(0)


def test_jobs_are_sorted_by_the_keyboard_in_the_address(page: Page, site: FaultSite) -> None:
    urls = [f"sorted {number}" for number in range(3)]
    for number, url in enumerate(urls):
        put(site.app, "queued", path=PARSE, queue="sort", params={"url": url},
            datequeued=site.app.clock.now() - timedelta(minutes=(number + 1) % 3))  # fmt: skip
    page.goto("/jobs?queue=sort")
    cells = page.locator("tbody tr td:nth-child(4)")
    head = page.get_by_role("columnheader", name="Made")
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(cells).to_contain_text(urls[::-1])
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("order=oldest"))
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(cells).to_contain_text(urls)
    expect(page.get_by_role("columnheader", name="Queue", exact=True)).not_to_have_attribute("aria-sort", "none")
    page.goto("/jobs?queue=sort&status=queued")
    place = page.get_by_role("columnheader", name="Queue, by place")
    place.get_by_role("button").click()
    expect(page).to_have_url(re.compile("order=place"))
    expect(place).to_have_attribute("aria-sort", "ascending")
    expect(cells).to_contain_text([urls[1], urls[0], urls[2]])
    page.go_back()
    expect(place).to_have_attribute("aria-sort", "none")
    page.goto("/jobs?queue=sort&status=queued&order=place")
    page.get_by_role("button", name=re.compile("^All")).click()  # not all of them have a place
    expect(head).to_have_attribute("aria-sort", "descending")


def test_figures_lead_to_their_jobs(page: Page, site: FaultSite) -> None:
    page.goto("/")
    figures = page.get_by_role("region", name="Key figures")
    expect(figures.get_by_role("link")).to_have_count(6)
    figures.get_by_role("link", name="Failed").click()
    expect(page).to_have_url(re.compile("status=failed.*since="))
    expect(page.get_by_role("button", name=re.compile("^Failed"))).to_have_attribute("aria-pressed", "true")


def test_anything_is_found_by_the_keyboard(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("region", name="Needs attention")).to_be_visible()
    dialog = page.get_by_role("dialog")
    until_shown(page, "?", dialog)
    expect(dialog).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("parse")
    expect(page.get_by_role("option").first).to_have_text("parsequeue")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/queues/one"))
    expect(dialog).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page.get_by_role("heading", name="Workers").first).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()


def test_a_worker_is_told_what_to_do(page: Page, site: FaultSite, tmp_path: Path) -> None:
    end = tmp_path / "end"
    queue_job(f"{SHOP}.index_pages", {"until": str(end)}, queue="feeds")
    (worker,) = site.worker_statuses()
    page.goto(f"/workers/{worker}")
    dialog, said = page.get_by_role("dialog"), page.get_by_role("status")
    page.get_by_role("button", name="Resize").click()
    dialog.get_by_label("Jobs at the same time").fill("7")
    dialog.get_by_role("button", name="Resize").click()
    expect(said).to_contain_text("runs up to 7 jobs")
    expect(page.locator(".facts")).to_contain_text("/ 7")
    page.get_by_role("button", name="Quiet").click()
    dialog.get_by_label("Reason").fill("memory")
    dialog.get_by_role("button", name="Quiet").click()
    expect(page.locator(".jh .st")).to_have_text("quiet")
    page.get_by_role("button", name="Take jobs").click()
    dialog.get_by_role("button", name="Take jobs").click()
    expect(page.locator(".jh .st")).not_to_have_text("quiet")
    page.get_by_role("button", name="Profile").click()
    dialog.get_by_label("Seconds").fill("1")
    dialog.get_by_role("button", name="Profile").click()
    profiles = page.get_by_role("region", name="Profiles")
    expect(profiles).to_contain_text("index_pages")
    end.touch()
    profiles.get_by_role("link").first.click()
    expect(page.locator(".jh")).to_contain_text("index_pages")
    page.get_by_role("link", name=re.compile("shoptasks:index_pages")).first.click()
    expect(page).to_have_url(re.compile("at="))
    page.get_by_role("link", name="Whole profile").click()
    expect(page).not_to_have_url(re.compile("at="))


def test_a_worker_group_is_made_changed_and_removed(page: Page, site: FaultSite) -> None:
    page.goto("/workers?tab=groups")
    page.get_by_role("button", name="Add a group").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("crawlers")
    dialog.get_by_label("Commands").fill("mrq-worker 'high")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("can't be read")
    dialog.get_by_label("Commands").fill("mrq-worker high --processes 3\nmrq-worker deep")
    dialog.get_by_role("button", name="Save").click()
    row = page.get_by_role("row", name=re.compile("crawlers"))
    expect(row).to_contain_text("0 / 4")
    expect(row).to_contain_text("nobody runs it")
    page.get_by_role("button", name="Change crawlers").click()
    dialog.get_by_label("Sized by load").fill('{"queues": ["high"], "target": {"oldest_wait": 60}}')
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("sized by load")
    assert (site.app.agents.group("crawlers") or {})["sizing"]["queues"] == ["high"]
    page.get_by_role("button", name="Remove crawlers").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("There are no worker groups")).to_be_visible()


def test_a_queue_is_limited_and_a_schedule_made_good(page: Page, site: FaultSite) -> None:
    page.goto("/queues/one?name=parse")
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Limit").click()
    dialog.get_by_label("Jobs at once").fill("20")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".facts")).to_contain_text("set here")
    assert site.app.queue_limits is not None
    assert site.app.queue_limits.limits() == {"parse": 20}
    schedule = schedules.add(PARSE, params={"url": "u", "shop": "s"}, cron="0 * * * *", name="hourly")
    page.goto(f"/schedules/{schedule.id}")
    page.get_by_role("button", name="Backfill").click()
    dialog.get_by_role("button", name="Look").click()
    expect(dialog).to_contain_text("24 times have no job")
    dialog.get_by_role("button", name="Queue 24").click()
    expect(page.get_by_role("status")).to_contain_text("24 queued")
    schedule.remove()


def test_a_view_is_kept_and_a_list_taken_away(page: Page, site: FaultSite) -> None:
    job = queue_job(PARSE, {"url": "=1+1", "shop": "y"}, queue="kept")
    page.goto("/jobs?queue=kept")
    page.get_by_role("button", name="Save this view").click()
    page.get_by_role("dialog").get_by_label("Name").fill("what waits")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.goto("/jobs")
    page.get_by_role("link", name="what waits").click()
    expect(page).to_have_url(re.compile("queue=kept"))
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as waited:
        page.get_by_role("link", name="CSV").click()
    text = waited.value.path().read_text(encoding="utf-8")
    assert str(job) in text
    page.get_by_role("button", name="Forget the view what waits").click()
    expect(page.get_by_role("link", name="what waits")).to_have_count(0)
