"""Invocations as Lambda makes them, in the runtime that it runs: twice, in another order, again after an error, until
they are given up; and batches of a queue."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from support import bursttasks
from support.lambdafunctions import create_function
from support.motocfn import AWS
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.burstsite import BurstSite
    from support.lambdafunctions import Functions
    from support.lambdaruntime import LambdaSandbox

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # moto's, in a thread of its server
]

BURST, DISPATCHER, EVENTS = (f"mrq_lambda.{name}.handler" for name in ("burst", "dispatcher", "events"))
EVENT = {"queues": ["default"], "concurrency": 2, "margin": 10}
SHORT = 13  # seconds of an invocation, of which three are left to jobs


def queue(name: str, visible: int = 0, **attributes: str) -> tuple[str, str]:
    """A queue of SQS: its URL and ARN."""
    url = AWS["sqs"].create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(visible or 30), **attributes})
    found = AWS["sqs"].get_queue_attributes(QueueUrl=url["QueueUrl"], AttributeNames=["QueueArn"])
    return url["QueueUrl"], found["Attributes"]["QueueArn"]


def taken(url: str) -> list[str]:
    """The messages that can be had from a queue now."""
    found = AWS["sqs"].receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    return [message["Body"] for message in found]


# ---- continuations


def test_continuations_that_come_twice_or_in_another_order_are_harmless(site: BurstSite, functions: Functions) -> None:
    """The second generation is there before a late copy of the first, and comes twice itself, both at once."""
    create_function("burst", BURST)
    functions.held.add("burst")
    sandboxes = [site.warm_sandbox(AWS_ENDPOINT_URL=AWS.endpoint) for _ in range(3)]
    jobs = bursttasks.work.queue_many([{"key": f"job{n}", "seconds": 0.2} for n in range(300)])
    assert cut_short(sandboxes[0], {**EVENT, "chain": "c"})
    (first,) = continuations(functions)
    assert cut_short(sandboxes[0], first)
    _, second = continuations(functions)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(cut_short, sandboxes, [first, second, second]))
    assert answers[0] is False, "a late copy of the first"
    assert sorted(answers[1:]) == [False, True], "two copies of the second"
    assert "has been continued already" in "".join(sandbox.log for sandbox in sandboxes)
    last = continuations(functions)[-1]
    assert [event["generation"] for event in continuations(functions)] == [1, 2, 3]
    whole = {**last, "concurrency": 20}
    wait_until(lambda: sandboxes[0].invoke(whole) and site.statuses().keys() == {"success"}, 60, what="all is done")
    site.assert_all_succeed({job.id: f"job{n}" for n, job in enumerate(jobs)})
    assert len(continuations(functions)) == 3


def cut_short(sandbox: LambdaSandbox, event: dict[str, Any]) -> bool:
    """Whether it has called itself, when its time was too short."""
    answer = sandbox.invoke(event, SHORT)
    assert answer.error is None, sandbox.log
    return bool(answer.payload["continued"])


def continuations(functions: Functions) -> list[dict[str, Any]]:
    return [event for _, event in functions.events]


# ---- failures


def test_what_fails_at_every_attempt_is_at_the_failure_destination_with_all_to_do_it_again(
    site: BurstSite, functions: Functions
) -> None:
    url, arn = queue("letters")
    create_function("burst", BURST, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}})
    bursttasks.work.queue_many([{"key": f"job{n}"} for n in range(3)])
    site.write_config("GREENLETS = 'many'\n")
    AWS["lambda"].invoke(FunctionName="burst", InvocationType="Event", Payload=json.dumps(EVENT))
    functions.wait()
    assert functions.invoked == ["burst", "burst"]
    (record,) = map(json.loads, taken(url))
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responsePayload"]["errorType"] == "ConfigError"
    assert "greenlets" in record["responsePayload"]["errorMessage"].lower()
    assert site.statuses() == {"queued": 3}
    assert site.worker_statuses() == {}
    # the config is put right and deployed, and the event is invoked once more
    site.write_config("")
    functions.forget()
    function = record["requestContext"]["functionArn"].removesuffix(":$LATEST")
    AWS["lambda"].invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(record["requestPayload"]))
    functions.wait()
    assert site.statuses() == {"success": 3}


def test_what_succeeds_at_a_later_attempt_is_not(site: BurstSite, functions: Functions) -> None:
    """A job that can't be stopped takes the sandbox along: Lambda counts an error, and tries again in another one."""
    url, arn = queue("letters")
    create_function("burst", BURST, timeout=8, DestinationConfig={"OnFailure": {"Destination": arn}})
    bursttasks.receive.queue(key="stuck", port=site.silent_peer())
    event = {**EVENT, "margin": 3}
    AWS["lambda"].invoke(FunctionName="burst", InvocationType="Event", Payload=json.dumps(event))
    functions.wait()
    assert functions.invoked[:2] == ["burst", "burst"]
    assert taken(url) == []


def test_a_burst_that_has_come_to_its_last_generation_is_no_failure(site: BurstSite, functions: Functions) -> None:
    """What it leaves is there for the next one that a schedule or a dispatcher starts."""
    url, arn = queue("letters")
    create_function("burst", BURST, timeout=SHORT, DestinationConfig={"OnFailure": {"Destination": arn}})
    assert functions.run("burst", EVENT)[1] is None, "it is warm"
    bursttasks.work.queue_many([{"key": f"job{n}", "seconds": 0.2} for n in range(60)])
    event = {**EVENT, "generation": 2, "max_generations": 2}
    AWS["lambda"].invoke(FunctionName="burst", InvocationType="Event", Payload=json.dumps(event))
    functions.wait()
    assert (functions.invoked, taken(url)) == (["burst"] * 2, [])
    assert "work remains after 3 generations of burst" in site.sandboxes[-1].log
    assert set(site.statuses()) <= {"success", "interrupt", "queued"}
    assert site.statuses()["queued"] > 0


# ---- messages of SQS


def test_messages_of_a_queue_become_jobs_and_only_a_bad_one_comes_back(site: BurstSite, functions: Functions) -> None:
    """Through a mapping that reports which failed, until the queue has given the bad one up."""
    site.write_config("EVENT_JOBS = [{'source': 'sqs', 'name': 'orders', 'task': 'support.bursttasks.work'}]\n")
    letters, letters_arn = queue("letters")
    redrive = json.dumps({"deadLetterTargetArn": letters_arn, "maxReceiveCount": 2})
    url, arn = queue("orders", RedrivePolicy=redrive)
    create_function("events", EVENTS)
    mapping = AWS["lambda"].create_event_source_mapping(
        FunctionName="events", EventSourceArn=arn, BatchSize=10, Enabled=False,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )["UUID"]  # fmt: skip

    def send(body: str) -> None:
        AWS["sqs"].send_message(QueueUrl=url, MessageBody=body)

    bad = '{"$bad\\u0000": 1}'  # no name that a document may have
    send('{"key": "first"}')
    send(bad)
    AWS["lambda"].update_event_source_mapping(UUID=mapping, Enabled=True)
    send('{"key": "second"}')
    assert functions.invoked == ["events"], "the three were one batch"
    assert params(site) == [{"key": "first"}, {"key": "second"}]
    for n, key in enumerate(["third", "fourth"], start=2):  # beside what has come back
        send(json.dumps({"key": key}))
        assert functions.invoked == ["events"] * n
    assert params(site) == [{"key": key} for key in ("first", "second", "third", "fourth")]
    assert taken(letters) == [bad]
    assert taken(url) == []
    assert site.sandboxes[-1].log.count("a message of sqs was not queued") == 2


def params(site: BurstSite) -> list[dict[str, Any]]:
    """Of all jobs, in order."""
    return [dict(job["params"]) for job in site.jobs()]
