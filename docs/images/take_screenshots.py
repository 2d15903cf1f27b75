"""Takes the pictures of the dashboard's pages: `make screenshots`. Servers, workers and jobs are made up for it."""

from __future__ import annotations

import math
import random
import re
import sys
import tempfile
import threading
from contextlib import contextmanager
from datetime import time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from bson import ObjectId
from playwright.sync_api import sync_playwright

from mrq import schedules, workers
from mrq.domain.schedule import occurrence_id, times_between
from mrq.domain.stats import (
    Backlog,
    Counts,
    FleetSample,
    Period,
    QueueSamples,
    Resolution,
    Tally,
    period_id,
)
from mrq.domain.status import Status
from mrq.job import queue_job, queue_jobs, queue_raw_jobs
from mrq.ports.deploys import Deploy
from support.browsers import ARGUMENTS, find_chromium, why_not
from support.dashboards import put
from support.dashboardsite import SHOP, DashboardServer
from support.faultsite import FaultSite
from support.servers import running_servers
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from mrq.app import App

FOLDER = Path(__file__).resolve().parent / "dashboard"
PARSE = f"{SHOP}.parse_product"
# Jobs a minute of each queue, its task, its share of failures, and how long a run takes.
LOAD = (
    ("parse", PARSE, 900, 0.02, 0.4), ("emails", f"{SHOP}.FetchPage", 240, 0.0, 0.08),
    ("webhooks", f"{SHOP}.deliver", 120, 0.03, 0.9), ("feeds", f"{SHOP}.import_feed", 20, 0.0, 4.0),
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
LONG = frozenset({"jobs", "drawer", "failure", "worker"})
# Where this project lies is nobody's business.
HIDE_FOLDERS = """([root, python]) => {
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data;
    walker.currentNode.data = text.replaceAll(root + '/.venv', '/opt/mrq').replaceAll(root, '/srv/shop')
      .replaceAll(python, '/usr');
  }
}"""
ENDED = ("failed", "maxretries")
AHEAD = 6  # minutes
CHANCE = random.Random(8)  # noqa: S311 - no secret


def make_history(app: App, minutes: int = 124) -> None:
    """What would have been counted in the last two hours, and in the minutes that the pictures take."""
    now = app.clock.now()
    first = Resolution.MINUTE.start_of(now) - timedelta(minutes=minutes)
    for number in range(minutes + AHEAD):
        start, tally, queues = first + timedelta(minutes=number), Tally(), {}
        for queue, task, many, failing, seconds in LOAD:
            tally.counts[queue, task] = _minute(number, many, failing if number > minutes - 42 else 0.0, seconds)
            wave = 1 + math.sin(number / 9) / 2
            queues[queue] = Backlog(int(many * wave / 3 + number * 4), int(many / 20), 12.0)
        tally.fleet = FleetSample(3, 60, 4200 + CHANCE.randrange(900), 90_000, 3 * 180_000_000, 190_000_000)
        expires = now + timedelta(days=1)
        app.stats.put(Period(period_id(Resolution.MINUTE, start), Resolution.MINUTE, start, 1, tally), expires)
        app.stats.put_samples(QueueSamples(start, start, queues), expires)


def _minute(number: int, many: int, failing: float, seconds: float) -> Counts:
    counts = Counts()
    runs = int(many * (1 + math.sin(number / 7) / 8 + CHANCE.uniform(-0.06, 0.06)))
    failed = int(runs * failing)
    counts.started = runs
    counts.ended = {Status.SUCCESS: runs - failed - runs // 90, Status.RETRY: runs // 90, Status.FAILED: failed}
    for _ in range(60):
        counts.run.add(CHANCE.lognormvariate(math.log(seconds), 0.8))
        counts.wait.add(CHANCE.lognormvariate(math.log(2.5), 0.6))
    return counts


def make_fleet(app: App, site: FaultSite) -> str:
    """Worker groups, an agent, a profile of a worker at work; the profile's id."""
    app.agents.put_group("crawlers", {
        "commands": ["mrq-worker high default --greenlets 20 --processes 6",
                     "CRAWL_DEPTH=3 mrq-worker deep --max_memory 800 --processes=2"],
        "process_termination_timeout": 120,
    })  # fmt: skip
    sizing = {"queues": ["parse"], "target": {"oldest_wait": 60}, "min_workers": 1, "max_workers": 12}
    app.agents.put_group("parsers", {"commands": ["mrq-worker parse --greenlets 20"], "sizing": sizing})
    commands = [f"MRQ_WORKER_GROUP=crawlers mrq-worker {name}" for name in ("high", "high", "deep")]
    about = {"worker_group": "crawlers", "status": "started", "total_cpu": 4096, "total_memory": 12_800,
             "datestarted": app.clock.now(), "current_workers": commands, "desired_workers": commands}  # fmt: skip
    app.agents.report(app.jobs.new_id(), about, 3600)
    end = site.folder / "indexed"
    for _ in range(3):
        queue_job(f"{SHOP}.index_pages", {"until": str(end)}, queue="feeds")
    for each in site.worker_statuses():
        workers.tell(each, "profile", seconds=3)
    profile = wait_until(
        lambda: [p for p in app.profiles.newest() if any("index_pages" in task for task in p.by_task())], 60,
        what="a profile is made",
    )  # fmt: skip
    end.touch()
    return str(profile[0].id)


def make_runs(app: App) -> None:
    """What schedules have queued so far; the scheduler was off for a while."""
    now = app.clock.now().replace(second=0, microsecond=0)
    for state in app.schedules.page(0, 10):
        times = times_between(state, now - timedelta(days=2), now, 1000)[-12:]
        due = [each for number, each in enumerate(times) if number not in (4, 5)] if len(times) == 12 else times
        for number, each in enumerate(due):
            began = each + timedelta(seconds=CHANCE.uniform(0.3, 2.0))
            ended = {"exceptiontype": "ConnectionResetError"} if number == len(due) - 1 and len(due) == 2 else {}
            put(
                app, "failed" if ended else "success", _id=ObjectId(occurrence_id(state.id, each)),
                path=state.schedule.path, queue="emails", datestarted=began, dateupdated=began,
                totaltime=CHANCE.uniform(0.2, 9.0), **ended,
            )  # fmt: skip
        if due:
            app.schedules.claim(state, [(each, occurrence_id(state.id, each)) for each in due], now)


@contextmanager
def doing_io(site: FaultSite) -> Iterator[dict[str, str]]:
    """Jobs that wait for MongoDB, for Redis, and for a server that takes its time; the addresses of one that
    has, and of a worker whose jobs do."""
    over = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "slow" in self.path:
                over.wait()
            over.wait(0.15)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_about: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    for number in range(20):
        queue_job("support.iotasks.Query", {}, queue="webhooks")
        queue_job("support.iotasks.Fetch", {"url": f"{root}/prices/{number}"}, queue="webhooks")
    for name in ("catalogue", "stock", "offers"):
        queue_job("support.iotasks.Fetch", {"url": f"{root}/slow/{name}"}, queue="webhooks")
    waited = queue_job("support.iotasks.Import", {"url": f"{root}/prices"}, queue="webhooks")
    slow = {"path": "support.iotasks.Fetch", "status": "started"}
    wait_until(
        lambda: sum(slow.items() <= {name: job.get(name) for name in slow}.items() for job in site.jobs()) == 3, 60,
        what="jobs wait for a server",
    )  # fmt: skip
    wait_until(lambda: site.app.jobs.fetch(waited).status is Status.SUCCESS, 60, what="one has waited")
    try:
        busy = next(job["worker"] for job in site.jobs() if slow.items() <= job.items())
        yield {"waited": f"/jobs/{waited}", "worker": f"/workers/{busy}"}
    finally:
        over.set()
        server.shutdown()


def make_history_of_failures(app: App) -> None:
    """Failures of the last day: one kind that comes and goes, one that ebbs away."""
    now = app.clock.now()
    for ago in range(1, 24):
        kinds = {"HTTPStatusError": int(4 + 4 * math.sin(ago / 3)), "SMTPServerDisconnected": ago // 3 - 2}
        for kind, many in kinds.items():
            for _ in range(max(0, many)):
                ended = now - timedelta(hours=ago, minutes=CHANCE.uniform(1, 50))
                put(
                    app, "failed", now=ended, path=f"{SHOP}.deliver", queue="webhooks", exceptiontype=kind,
                    message="502 Bad Gateway" if kind.startswith("HTTP") else "Connection unexpectedly closed",
                    params={"url": "https://hooks.example/"}, dateupdated=ended,
                )  # fmt: skip


def make_jobs(app: App, site: FaultSite) -> dict[str, str]:
    """Jobs, schedules and a paused queue; the addresses of what is shown alone."""
    now = app.clock.now()
    for number in range(60):
        shop = "shop-fr" if number % 3 else "shop-de"
        params = {"url": f"https://shop.example/p/{88_000 + number}", "shop": shop, "depth": number % 3}
        queue_job(PARSE, {**params, "headers": {"Authorization": "Bearer abc"}}, queue="parse")
    for number in range(4):
        queue_job(f"{SHOP}.deliver", {"url": f"https://hooks.example/{number}"}, queue="webhooks")
    for number in range(7):
        queue_job(f"{SHOP}.import_feed", {"feed": f"feed-{number}"}, queue="feeds")
    for number in range(420):
        put(app, "queued", path=f"{SHOP}.FetchPage", params={"url": f"https://shop.example/{number}"}, queue="exports",
            datequeued=now - timedelta(minutes=12))  # fmt: skip
    for _ in range(300):
        put(app, "queued", path=f"{SHOP}.FetchPage", params={"url": "https://shop.example/"}, queue="reports")
    make_history_of_failures(app)
    feeds = [{"feed": f"feed-{number}"} for number in range(20, 23)]
    queue_jobs(f"{SHOP}.import_feed", feeds, queue="feeds", delay=900)
    images = [{"url": f"https://shop.example/{number}.png"} for number in range(40)]
    queue_jobs(f"{SHOP}.FetchPage", images, queue="images")
    due = {f"sku-{number}": now.timestamp() + CHANCE.triangular(-4, 150, 60) * 3600 for number in range(2_000)}
    queue_raw_jobs("prices_timed_set", due)
    for name, about in (
        ("Every minute", {"interval": 60}), ("Nightly clean-up", {"dailytime": time(2)}),
        ("Prices", {"cron": "*/5 * * * *"}),
    ):  # fmt: skip
        schedules.add(f"{SHOP}.FetchPage", params={"url": "https://shop.example/"}, queue="emails", name=name, **about)
    make_runs(app)
    wait_until(lambda: site.statuses()["started"] == 7 and site.statuses()["failed"] >= 40, 60, what="jobs are run")
    deliver = f"{SHOP}.deliver"
    wait_until(
        lambda: any(job["path"] == deliver and job["status"] in ENDED and job.get("worker") for job in site.jobs()),
        90,
        what="retries",
    )
    by_task = {job["path"]: str(job["_id"]) for job in site.jobs() if job["status"] in ENDED and job.get("worker")}
    running = next(str(job["_id"]) for job in site.jobs() if job["status"] == "started")
    group = next(group.fingerprint for group in app.failures.groups() if group.path == PARSE)
    return {
        "job": f"/jobs/{by_task[PARSE]}", "retried": f"/jobs/{by_task[deliver]}",
        "running": f"/jobs/{running}",
        "drawer": f"/jobs?status=failed&job={by_task[PARSE]}",
        "failure": f"/failures/{group}", "queue": "/queues/one?name=parse",
        "timed": "/queues/one?name=prices_timed_set",
        "task": f"/tasks/one?name={PARSE}",
    }  # fmt: skip


def take(browser: Browser, server: DashboardServer, pages: dict[str, str], scheme: Any, width: int) -> None:
    """A picture of each page."""
    context = browser.new_context(
        base_url=server.url, color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    for name, path in pages.items():
        page.goto(path)
        page.locator("main").wait_for()
        page.locator("[aria-busy]").first.wait_for(state="detached")
        page.wait_for_load_state("networkidle")
        page.evaluate(HIDE_FOLDERS, [str(ROOT), sys.base_prefix])
        size = "" if width > 1000 else "-phone"
        page.screenshot(path=FOLDER / f"{name}-{scheme}{size}.png", full_page=name not in LONG)
    context.close()


def main() -> int:
    """Take them all; the exit code."""
    if (reason := why_not()) is not None:
        sys.stderr.write(f"no pictures: {reason}\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with running_servers() as servers, tempfile.TemporaryDirectory() as folder:
        url = urlunsplit(urlsplit(servers.mongodb_url)._replace(path="/mrq_pictures"))
        with FaultSite(url, servers.redis_url, Path(folder), "mrq_pictures") as site:
            raw = {"prices_timed_set": {"job_factory": None}}
            (Path(folder) / "mrq-config.py").write_text(f"RAW_QUEUES = {raw}\n", encoding="utf-8")
            for name in ("eu-01", "eu-02", "us-01"):
                site.start_worker(
                    "parse",
                    "webhooks",
                    "feeds",
                    "--report_interval",
                    "0.5",
                    "--trace_io",
                    "--trace_greenlets",
                    "--no_stats",
                    "--name",
                    name,
                )
            wait_until(lambda: len(site.worker_statuses()) == 3, 60, what="workers serve")
            make_history(site.app)
            site.app.deploys.mark(Deploy("9f31c2a", site.app.clock.now() - timedelta(minutes=38)))
            addresses = {"profile": f"/profiles/{make_fleet(site.app, site)}", **make_jobs(site.app, site)}
            server = DashboardServer(site, {"MRQ_DASHBOARD_ENVIRONMENT": "production"}).start()
            try:
                with doing_io(site) as found:
                    shoot(server, {**addresses, **found})
            finally:
                server.stop()
            closed = DashboardServer(site, {"MRQ_DASHBOARD_HTTPAUTH": "anna:correct horse"}).start()
            try:
                shoot_login(closed)
            finally:
                closed.stop()
    return 0


def act_on_many(page: Page) -> None:
    """Requeue what has failed, as far as a picture of the question goes, and cancel what waits in one queue."""
    page.goto("/jobs?status=failed&status=timeout&status=maxretries")
    page.locator("tbody tr").first.wait_for()
    page.get_by_role("button", name="Requeue all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("the parser is mended")
    dialog.get_by_text("match").first.wait_for()
    page.screenshot(path=FOLDER / "bulk-light.png")
    page.keyboard.press("Escape")
    page.goto("/jobs?queue=reports&status=queued")
    page.locator("tbody tr").first.wait_for()
    page.get_by_role("button", name="Cancel all").click()
    dialog.get_by_label("Reason").fill("reports of yesterday")
    dialog.get_by_role("button", name=re.compile(r"^Cancel \d")).click()
    dialog.locator(".st", has_text="done").wait_for()


def shoot_login(server: DashboardServer) -> None:
    """The page before anybody is known."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        for scheme in ("light", "dark"):
            page = browser.new_page(base_url=server.url, color_scheme=scheme, viewport={"width": 1440, "height": 500})
            page.goto("/")
            page.get_by_label("Password").wait_for()
            page.screenshot(path=FOLDER / f"login-{scheme}.png")
        browser.close()


def shoot(server: DashboardServer, addresses: dict[str, str]) -> None:
    """All pictures, after an action or two that leave something in the audit log."""
    plain = ("jobs", "queues", "failures", "workers", "schedules", "tasks", "io", "profiles", "operations", "audit",
             "settings")  # fmt: skip
    pages = {"overview": "/", **{name: f"/{name}" for name in plain}, **addresses}
    pages |= {"groups": "/workers?tab=groups", "agents": "/workers?tab=agents"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        page = browser.new_page(base_url=server.url)
        page.goto("/queues")
        page.get_by_role("button", name="Pause exports").click()
        page.get_by_role("dialog").get_by_label("Reason").fill("S3 key rotation")
        page.get_by_role("dialog").get_by_role("button", name="Pause").click()
        page.get_by_text("paused by").wait_for()
        act_on_many(page)
        take(browser, server, pages, "light", 1440)
        take(
            browser,
            server,
            {
                name: pages[name]
                for name in (
                    "overview",
                    "jobs",
                    "drawer",
                    "job",
                    "waited",
                    "queue",
                    "queues",
                    "failures",
                    "settings",
                    "schedules",
                    "worker",
                    "profile",
                )
            },
            "dark",
            1440,
        )
        take(browser, server, {name: pages[name] for name in ("overview", "jobs", "job", "schedules")}, "light", 390)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
