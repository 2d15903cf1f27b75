"""From a producer or a dispatcher to an empty queue: moto's Lambda hands events to sandboxes of the real runtime."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from mrq.app import App
from mrq.domain.status import Status
from mrq_lambda.dispatcher import dispatch
from support.cloud import Cloud
from support.lambdacontext import FakeContext
from support.lambdafunctions import create_function
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.domain.ids import JobId
    from support.burstsite import BurstSite
    from support.lambdafunctions import Functions
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


@pytest.mark.filterwarnings("ignore::UserWarning")  # moto's, in a thread of its server
def test_from_an_enqueue_on_an_idle_system_to_the_end_of_its_job(site: BurstSite, functions: Functions) -> None:
    """The producer wakes the dispatcher, which sizes the group of the queue, and that starts a burst."""
    create_function("dispatcher", "mrq_lambda.dispatcher.handler")
    create_function("burst", "mrq_lambda.burst.handler")
    sizing = {"queues": ["mail"], "target": {"oldest_wait": 30}, "max_bursts": 3}
    site.app.agents.put_group("mail", {"sizing": sizing, "burst": {"function": "burst", "event": {"margin": 2}}})
    site.app.agents.put_group("other", {"sizing": {**sizing, "queues": ["other"]}, "burst": {"function": "burst"}})
    about = {"mongodb_jobs": site.mongodb_url, "redis": site.redis_url, "redis_prefix": site.prefix}
    producer = App({**about, "wake_up": "lambda:dispatcher"})
    with closing(producer):
        (job,) = producer.enqueuer.enqueue("support.bursttasks.work", [{"key": "first"}], "mail")
        wait_until(lambda: ended(site.app, job), 60, what="the job has ended")
        functions.wait()
        assert functions.invoked == ["dispatcher", "burst"]
        (_, woken), (_, started) = functions.events
        assert woken == {"queues": ["mail"]}
        assert (started["queues"], started["worker_group"]) == (["mail"], "mail")
        last = site.app.fleets.last("mail")
        assert last is not None
        assert (last.figures.waiting, last.decision.bursts) == (1, 1)
        assert site.app.fleets.last("other") is None, "nobody has asked for it"
        # a burst that has come and gone is not taken for one that is under way
        (next_one,) = producer.enqueuer.enqueue("support.bursttasks.work", [{"key": "second"}], "mail")
        wait_until(lambda: ended(site.app, next_one), 60, what="the next job has ended, too")


def ended(app: App, job: JobId) -> bool:
    record = app.jobs.fetch(job)
    return record is not None and record.status is Status.SUCCESS
