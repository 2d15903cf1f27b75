"""What `mrq doctor` looks at in raw queues: payloads and retries for which there is no worker, and no factory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mrq.cli.checks import REDIS, Finding, failed, in_words, is_served, queues_served, unserved_queues
from mrq.domain.queuename import parse_queue
from mrq.domain.words import many

if TYPE_CHECKING:
    from mrq.app import App

MOST_ROOTS = 200
MOST_SUBQUEUES = 1000  # of one root


def check_raw_queues(app: App) -> list[Finding]:
    """Whether payloads wait in a raw queue that nobody serves, and whether what is configured can work.

    Looks at the raw queues of the configuration and at those that were ever served, at most MOST_ROOTS, and in each at
    about MOST_SUBQUEUES subqueues.
    """
    table = app.queue_table
    configured = [root for root in table if parse_queue(root).is_raw]
    try:
        roots = list(dict.fromkeys([*configured, *sorted(app.raw.roots())]))
    except Exception as error:  # noqa: BLE001
        return [failed(REDIS, "raw queues can't be read", error)]
    if not roots:
        return []
    try:
        served = queues_served(app)
    except Exception as error:  # noqa: BLE001
        return [failed("raw queues", "the workers can't be read", error)]
    findings = [
        *(_without_factory(root) for root in configured if not (table[root] or {}).get("job_factory")),
        *_retries(app, configured, served),
        *_waiting(app, roots[:MOST_ROOTS], served),
    ]
    if len(roots) > MOST_ROOTS:
        findings.append(Finding("note", "raw queues", f"{len(roots) - MOST_ROOTS} more were not looked at"))
    return findings


def _without_factory(root: str) -> Finding:
    text = f"RAW_QUEUES[{root!r}] has no job_factory: no worker that reads this configuration can serve it"
    return Finding(
        "problem", "raw queues", text, "add one: a function from a payload to {'path': ..., 'params': {...}}"
    )


def _retries(app: App, configured: list[str], served: set[str]) -> list[Finding]:
    """Retry queues without a worker. That is a problem as soon as jobs can get there: once the raw queue is served."""
    findings = []
    for root in configured if served else []:
        retry_queue = (app.queue_table[root] or {}).get("retry_queue") or "default"
        if is_served(retry_queue, served):
            continue
        is_taken = any(parse_queue(queue).root == root for queue in served)
        text = f"jobs of {root!r} that are to run again wait in {retry_queue!r}, which no worker serves"
        mend = f"start one with `mrq worker {retry_queue}`"
        findings.append(Finding("problem" if is_taken else "note", "raw queues", text, mend))
    return findings


def _waiting(app: App, roots: list[str], served: set[str]) -> list[Finding]:
    sizes: dict[str, int] = {}
    try:
        for root in roots:
            names = [root, *_some_subqueues(app, root)]
            sizes |= dict(zip(names, app.raw.sizes([parse_queue(name) for name in names]), strict=True))
    except Exception as error:  # noqa: BLE001
        return [Finding("problem", "raw queues", f"their sizes can't be read: {in_words(error, REDIS)}")]
    if unserved := unserved_queues("raw queues", sizes, served, "payload"):
        return unserved
    waiting = sum(sizes.values())
    text = f"{many(waiting, 'payload')} waiting, all of them served" if waiting else "empty"
    return [Finding("ok", "raw queues", text)]


def _some_subqueues(app: App, root: str) -> list[str]:
    found: dict[str, None] = {}
    cursor = 0
    while len(found) < MOST_SUBQUEUES:
        cursor, names = app.raw.scan_subqueues(root, cursor)
        found.update(dict.fromkeys(names))
        if not cursor:
            break
    return list(found)[:MOST_SUBQUEUES]
