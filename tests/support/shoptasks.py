"""Tasks of a shop, for the tests of the dashboard's page and its pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mrq.context import get_current_job, log, retry_current_job, set_current_job_progress
from mrq.task import Task, task


class FetchPage(Task):
    """Fetches a page of a shop."""

    def run(self, params: dict[str, Any]) -> dict[str, Any]:
        """Takes a moment."""
        log.info("GET %s", params["url"])
        time.sleep(params.get("seconds", 0.02))
        return {"status": 200, "bytes": 48_210, "url": params["url"]}


@task(queue="parse", retries=0)
def parse_product(url: str, shop: str, depth: int = 1, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Reads a product's price out of its page."""
    log.info("cache miss for %s, depth %d, %d headers", url, depth, len(headers or {}))
    log.warning("slow response: 3.26 s, 1.4 MB")
    return {"url": url, "price": extract_price({"url": url, "shop": shop})}


def extract_price(document: dict[str, Any]) -> float:
    """The price in a document."""
    if document["shop"] == "shop-fr":
        log.error("selector span.price--current matched 0 nodes")
        raise ValueError(f"no price node in {document['url']}")
    return 12.5


@task(queue="webhooks")
def deliver(url: str) -> None:
    """Tells another site; tries again when that fails."""
    job = get_current_job()
    if job is not None and job.data.get("retry_count", 0) < 2:
        try:
            raise ConnectionResetError(104, "Connection reset by peer")
        except ConnectionResetError:
            retry_current_job(delay=0.2)
    raise ConnectionResetError(104, f"Connection reset by peer: {url}")


@task(queue="feeds")
def index_pages(until: str) -> int:
    """Keeps the processor busy until a file is there."""
    words = 0
    while not Path(until).exists():
        words += sum(len(str(number)) for number in range(20_000))
        time.sleep(0)
    return words


@task(queue="feeds")
def import_feed(feed: str, until: str = "") -> str:
    """Imports a feed, line by line, until a file is there."""
    for line in range(100_000):
        if line % 10 == 0:
            log.info("line %d of %s", line, feed)
            set_current_job_progress(min(0.95, line / 400))
        if until and Path(until).exists():
            break
        time.sleep(0.05)
    return feed
