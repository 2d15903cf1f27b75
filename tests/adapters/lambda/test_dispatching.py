"""From a dispatcher to an empty queue: moto's Lambda hands events to sandboxes of the real runtime."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.status import Status
from mrq_lambda.dispatcher import dispatch
from support.cloud import Cloud
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from support.burstsite import BurstSite
    from support.lambdaruntime import Answer

JOBS = 40


@pytest.mark.usefixtures("aws")
def test_dispatcher_invocation_burst_and_then_the_queue_is_empty(
    site: BurstSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, cloud = site.app, Cloud().plug(monkeypatch)
    cloud.function("burst", timeout=60)
    sizing = {"queues": ["default"], "target": {"oldest_wait": 30}, "max_bursts": 3, "jobs_per_burst": 4}
    app.agents.put_group("g", {"sizing": sizing, "burst": {"function": "burst", "event": {"margin": 2}}})
    params = [{"key": f"k{n}", "seconds": 0.05} for n in range(JOBS)]
    jobs = app.enqueuer.enqueue("support.bursttasks.work", params, "default")
    running: list[Future[Answer]] = []

    def in_the_real_runtime(event: Any) -> None:
        running.append(pool.submit(site.sandbox().invoke, event))

    with ThreadPoolExecutor(3) as pool:
        cloud.on_invoke = in_the_real_runtime
        told = dispatch(app, {}, FakeContext(), cloud.client)
        assert told["groups"]["g"]["bursts"] == len(running) > 0, told
        answers = [burst.result() for burst in running]
    assert sum(answer.payload["jobs"] for answer in answers) == JOBS
    assert {record.status for job in jobs if (record := app.jobs.fetch(job))} == {Status.SUCCESS}
    workers = [app.workers.fetch(app.jobs.parse_id(answer.payload["worker"])) for answer in answers]
    assert {worker["config"]["worker_group"] for worker in workers if worker} == {"g"}
    assert app.workers.bursts() == {}, "what has ended doesn't count any more"
