"""MongoDB does what a worker asks for, and the worker never hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import faulttasks
from support.cutproxy import CutProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrq.embedded import EmbeddedServers
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults

KEYS = [f"job{number}" for number in range(60)]


def moves_jobs_to(status: str, command: dict[str, Any]) -> bool:
    """Whether a command is an update of jobs to this status."""
    if command.get("update") != "mrq_jobs":
        return False
    return any(status in statuses_of(update["u"]) for update in command.get("updates", []))


def statuses_of(update: dict[str, Any] | list[dict[str, Any]]) -> set[str | None]:
    """What an update makes the status of its jobs; that of many jobs has a list with the values of each."""
    if isinstance(update, dict):
        return {update.get("$set", {}).get("status")}
    (own,) = (each for each in update[0]["$replaceWith"]["$mergeObjects"] if each != "$$ROOT")
    return {values.get("status") for values in own["$arrayElemAt"][0]["$literal"]}


def is_claim(command: dict[str, Any]) -> bool:
    return moves_jobs_to("started", command)


def is_settlement(command: dict[str, Any]) -> bool:
    return moves_jobs_to("success", command)


@pytest.fixture
def proxy(lasting_servers: EmbeddedServers) -> Iterator[CutProxy]:
    """Between the worker and mongod; the test itself goes straight."""
    with CutProxy(lasting_servers.mongo.port) as running:
        yield running


@pytest.mark.parametrize("lost", [is_claim, is_settlement], ids=["claims", "settlements"])
def test_a_lost_answer_loses_no_job_and_runs_none_twice(site: FaultSite, proxy: CutProxy, lost: Any) -> None:
    through_proxy = site.mongodb_url.replace(f":{site.mongodb_port}/", f":{proxy.port}/")
    worker = site.worker(mongodb_url=through_proxy, greenlets=10)
    proxy.cut_after(lost, times=3)
    faulttasks.work.queue_many([{"key": key, "seconds": 0.5} for key in KEYS])

    site.wait_for_statuses({"success": len(KEYS)})
    assert proxy.cuts == 3
    assert sorted(ran.key for ran in site.ledger.runs()) == sorted(KEYS), "each ran once"
    assert len(worker.identities) == 1
    worker.wait_for_log("MongoDB is back")
    assert "was not written" not in worker.log, "what was written without an answer is recognised as its own"


def test_jobs_whose_claim_was_never_answered_are_handed_back_by_the_death_of_the_worker(
    site: FaultSite, proxy: CutProxy
) -> None:
    through_proxy = site.mongodb_url.replace(f":{site.mongodb_port}/", f":{proxy.port}/")
    doomed = site.worker(mongodb_url=through_proxy, greenlets=10)
    proxy.cut_after(is_claim)
    faulttasks.work.queue_many([{"key": key} for key in KEYS[:10]])
    doomed.wait_for_log("no jobs can be taken")
    doomed.kill()
    site.worker()
    site.wait_for_statuses({"success": 10})
    site.assert_all_ran(KEYS[:10])
