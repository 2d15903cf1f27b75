"""What holds for every page: axe finds nothing, nothing overflows, no value of a job becomes markup."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from mrq import schedules
from mrq.domain.fingerprint import Signature, fingerprint
from mrq.domain.profile import Profile
from mrq.domain.worker import WorkerRecord
from mrq.job import queue_job, queue_raw_jobs
from mrq_dashboard.routes.page import DIST
from support.browsers import PATIENCE, until_shown
from support.dashboards import put
from support.dashboardsite import SHOP
from support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

    from mrq.app import App
    from support.dashboardsite import DashboardServer
    from support.faultsite import FaultSite

expect.set_options(timeout=PATIENCE)
pytestmark = pytest.mark.timeout(400)  # seconds; most of it is patience
PAGES = ("jobs", "queues", "failures", "workers", "schedules", "tasks", "io", "profiles", "operations", "audit",
         "settings")  # fmt: skip
SCHEMES: tuple[Any, ...] = ("light", "dark")
WIDTHS = (390, 1440)
PARTS = 4  # tests of so many pages, that run side by side
LARGEST_FIRST_LOAD = 60 * 1024  # bytes, compressed
EVIL = '"><img src=x onerror="window.hit=1"><script>window.hit=1</script>${window.hit=1}{{1}}'
EVIL_TRACE = f'Traceback (most recent call last):\n  File "{EVIL}", line 1, in {EVIL}\n    {EVIL}\nValueError: {EVIL}\n'
SHOWS_EVIL = frozenset({"jobs", "failures", "schedules", "job", "result", "queue", "drawer", "failure", "schedule",
                        "evil task", "io", "profiles", "groups", "agents", "profile", "part of a profile"})  # fmt: skip
FINGER = 44  # pixels that a target has each way
# Links within text are as high as their line, and rows as high as a finger.
TOO_SMALL = """(least) => [...document.querySelectorAll('button, .btn, select, input, .side a, .kpi, label.hit')]
  .map(each => [each, (each.closest('label.hit') ?? each).getBoundingClientRect()])
  .filter(([each, box]) => box.width && (box.height < least - 0.5 || box.width < least - 0.5))
  .map(([each, box]) => `${each.outerHTML.slice(0, 120)}: ${box.width} x ${box.height}`)"""
GO = """async (path) => {
  history.pushState(null, '', path);
  dispatchEvent(new PopStateEvent('popstate'));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
AXE = """async ({within, contrast}) => {
  const runOnly = contrast
    ? {type: 'rule', values: ['color-contrast']}
    : {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']};
  const found = await axe.run(within, {runOnly, resultTypes: ['violations'], preload: false});
  return found.violations.map(each => each.id + ': ' + each.nodes.map(node => node.html.slice(0, 150)).join(' | '));
}"""


@pytest.fixture(scope="module")
def paths(site: FaultSite) -> dict[str, str]:
    """The address of each page, with something on it; and the evil things that it shows."""
    app, now = site.app, site.app.clock.now()
    worker = next(iter(site.worker_statuses()))
    attempt = {"date": now, "status": EVIL, "exceptiontype": EVIL, "traceback": EVIL_TRACE, "worker": EVIL}
    failed = put(
        app, "failed", path=EVIL, queue="evil", params={EVIL: EVIL, "more": [EVIL] * 20}, exceptiontype=EVIL,
        traceback=EVIL_TRACE, message=EVIL, traceback_history=[attempt, attempt], datestarted=now, totaltime=1.5,
        dateupdated=now + timedelta(seconds=2),
    )  # fmt: skip
    ended = put(app, "success", path=EVIL, queue=EVIL, params={}, result={EVIL: EVIL}, dateupdated=now)
    put(app, "queued", path=EVIL, queue=EVIL, params={EVIL: EVIL})
    app._database.mrq_logs.insert_one({"job": app.jobs.parse_id(failed), "logs": f"[ERROR] {EVIL}\n"})
    app.pauses.pause(EVIL)
    queue_raw_jobs("later_timed_set", {"a": now.timestamp() - 60, "b": now.timestamp() + 7200})
    queue_job(f"{SHOP}.import_feed", {"feed": EVIL, "until": str(site.folder / "end")}, queue="feeds")
    wait_until(lambda: any(job["status"] == "started" for job in site.jobs()), PATIENCE / 1000, what="one runs")
    schedule = schedules.add(f"{SHOP}.FetchPage", params={"url": EVIL}, interval=3600, name=EVIL)
    queue_job(f"{SHOP}.FetchPage", {"url": "x"}, queue="parse")
    profile = make_fleet(app)
    evil = quote(EVIL, safe="")
    failures, nothing = fingerprint(EVIL, Signature(EVIL)), f"task={evil}&exceptiontype={evil}"
    named = {
        "nothing": f"/jobs?{nothing}",
        "job": f"/jobs/{failed}",
        "result": f"/jobs/{ended}?tab=result",
        "queue": f"/queues/one?name={evil}",
        "drawer": f"/jobs?job={failed}",
        "timed": "/queues/one?name=later_timed_set",
        "failure": f"/failures/{failures}",
        "worker": f"/workers/{worker}",
        "schedule": f"/schedules/{schedule.id}",
        "task": f"/tasks/one?name={SHOP}.parse_product",
        "evil task": f"/tasks/one?name={evil}",
        "missing": "/jobs/none/none",
        "groups": "/workers?tab=groups",
        "agents": "/workers?tab=agents",
        "profile": f"/profiles/{profile}",
        "part of a profile": f"/profiles/{profile}?at=1",
    }
    return {"overview": "/", **{page: f"/{page}" for page in PAGES}, **named}


def make_fleet(app: App) -> object:
    """A worker that waits, an agent, groups and a profile, all as evil as can be; the profile's id."""
    now, group = app.clock.now(), {"commands": [f"mrq-worker '{EVIL}'"], "owner": EVIL}
    app.agents.put_group(EVIL, group)
    app.agents.put_group("odd", {"commands": EVIL})
    report = {"worker_group": EVIL, "status": EVIL, "current_workers": [EVIL], "desired_workers": [EVIL]}
    app.agents.report(app.jobs.new_id(), report, 60)
    record = WorkerRecord(app.jobs.new_id(), EVIL, now, 3600.0)
    app.workers.register(record)
    wait = {"type": EVIL, "data": EVIL, "started": now}
    about = {"id": str(app.jobs.new_id()), "path": EVIL, "datestarted": now, "stack": [EVIL], "io": wait}
    sums = {"total": 2.0, "types": [[EVIL, 2.0]], "tasks": [[EVIL, 2.0]]}
    app.workers.report(record.id, {"status": EVIL, "config": {"queues": [EVIL]}, "jobs": [about], "io": sums})
    stacks = {f"{EVIL.replace(';', ',')};outer;inner": 7, f"{SHOP};{EVIL.replace(';', ',')}": 3}
    profile = Profile(app.jobs.new_id(), record.id, now, 10.0, 10, stacks)
    app.profiles.put(profile)
    return profile.id


def settle(page: Page, path: str) -> None:
    """Go there and wait until it shows what it has."""
    if page.url.startswith("http"):
        page.evaluate(GO, path)  # as a link does: the page's scripts are not loaded again
    else:
        page.goto(path)
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)


def accessibility(page: Page) -> dict[str, list[str]]:
    """What axe finds. Only contrasts depend on the scheme."""
    wrong: dict[str, list[str]] = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = page.evaluate(AXE, {"within": "html", "contrast": scheme != "light"})
            if (over := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                found.append(f"wider than the screen by {over} pixels")
            if found:
                wrong[f"{width} px, {scheme}"] = found
    return wrong


@pytest.mark.parametrize("part", range(PARTS))
def test_each_page_is_accessible_fits_and_shows_values_as_text(
    page: Page, paths: dict[str, str], axe: str, part: int
) -> None:
    page.context.add_init_script(axe)
    for name, path in list(paths.items())[part::PARTS]:
        settle(page, path)
        if name in SHOWS_EVIL:
            expect(page.locator("main")).to_contain_text("onerror")
        for button in page.get_by_role("button", name="Raw", exact=True).all():
            button.click()
        assert accessibility(page) == {}, name
        assert page.evaluate("window.hit") is None, name
        assert page.locator("main img, main script").count() == 0, name


def test_a_finger_hits_what_it_means_on_a_phone(page: Page, paths: dict[str, str]) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    small: dict[str, list[str]] = {}
    for name, path in paths.items():
        settle(page, path)
        if found := page.evaluate(TOO_SMALL, FINGER):
            small[name] = found
    assert small == {}


def test_a_minute_that_is_not_over_is_no_drop(page: Page) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)

    def answer(route: Route) -> None:
        told = route.fetch().json()
        empty = {**told["whole"], "settled": 0, "ended": {}, "failed": 0, "seconds": 60.0}
        minutes = [
            {**empty, "start": (now - timedelta(minutes=ago)).isoformat(), "settled": 600, "ended": {"success": 600}}
            for ago in range(62, 1, -1)
        ]
        open_minutes = [
            {**empty, "start": (now + timedelta(minutes=ahead)).isoformat(), "settled": 1} for ahead in range(3)
        ]
        route.fulfill(json={**told, "figures": minutes + open_minutes})

    page.route("**/api/v1/statistics?*", answer)
    settle(page, "/")
    line = page.get_by_role("link", name=re.compile("^Finished")).locator("path.thin")
    drawn = line.get_attribute("d") or ""
    assert {point.split()[1] for point in drawn[1:].split("L")} == {"2.5"}


def test_figures_say_how_they_compare_with_the_time_before(page: Page) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    times = {"count": 600, "p50": 0.5, "p95": 2.0, "p99": 3.0}

    def answer(route: Route) -> None:
        told = route.fetch().json()
        whole = {**told["whole"], "settled": 36_000, "failed": 36, "seconds": 3600.0, "run": times, "wait": times}
        if "end=" in route.request.url:  # the hour before
            slower = {**times, "p95": 4.0}
            before = {**whole, "settled": 30_000, "failed": 60, "run": slower, "wait": None}
            route.fulfill(json={"figures": [], "whole": before})
            return
        minute = {**whole, "settled": 600, "failed": 6, "seconds": 60.0, "ended": {"success": 594, "failed": 6}}
        minutes = [{**minute, "start": (now - timedelta(minutes=ago)).isoformat()} for ago in range(60, 0, -1)]
        route.fulfill(json={"figures": minutes, "whole": whole})

    page.route("**/api/v1/statistics?*", answer)
    settle(page, "/")
    for name, change in (("Finished", "+20 %"), ("Failed", "+400 %"), ("Run, p95", "−50 %")):
        expect(page.get_by_role("link", name=re.compile(f"^{name}"))).to_contain_text(change)
    expect(page.get_by_role("link", name=re.compile("^Wait, p95"))).not_to_contain_text("%")
    expect(page.get_by_title("in the range before: 4.00 s")).to_be_visible()


def test_axe_finds_nothing_in_dialogs(page: Page, paths: dict[str, str], axe: str) -> None:
    page.context.add_init_script(axe)
    settle(page, paths["job"])
    wrong = {}
    for key in ("?", "/", "r"):
        until_shown(page, key, page.get_by_role("dialog"))
        if found := page.evaluate(AXE, {"within": "dialog", "contrast": False}):
            wrong[key] = found
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert wrong == {}


def test_own_code_comes_first(page: Page, paths: dict[str, str]) -> None:
    settle(page, paths["job"])
    expect(page.get_by_role("img", name="Attempt 1")).to_be_visible()
    expect(page.locator(".exc").first).to_contain_text("ValueError")


def test_the_first_load_is_small(page: Page) -> None:
    loaded: list[str] = []
    page.on("response", lambda answer: loaded.append(answer.url) if "/api/" not in answer.url else None)
    settle(page, "/")
    files = [url.rpartition("/")[2] for url in loaded if "/assets/" in url]
    assert any(name.endswith(".js") for name in files)
    small = [DIST / "index.html", *(DIST / "assets" / name for name in files)]
    assert sum(len(gzip.compress(path.read_bytes())) for path in small) < LARGEST_FIRST_LOAD


def test_the_policy_holds(browser: Browser, server: DashboardServer) -> None:
    page = browser.new_page(base_url=server.url)  # it complains, as it should
    answer = page.goto("/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    settle(page, "/")
    script = "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    with page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        page.evaluate(f"() => {{ {script} }}")
    assert page.evaluate("window.ran") is None
    page.close()
