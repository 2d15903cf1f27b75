"""Roles against the calls that the code really makes: a recorder in botocore, below every client of boto3."""

from __future__ import annotations

import ast
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.client
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

import mrq_lambda
from mrq.testing import memory_app
from mrq_lambda import aws, calling, continuation, mirror, rotation, secretvalues, waking
from mrq_lambda.dispatcher import dispatch
from mrq_lambda.orders import orders_of
from support.lambdacontext import FakeContext
from support.templates import flat, listed, role_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.templates import Resources

pytestmark = pytest.mark.timeout(300)  # the CDK takes its time on a busy machine

ACCOUNT = "eu-west-1:123456789012"
FUNCTION = f"arn:aws:lambda:{ACCOUNT}:function:burst"
SECRET = f"arn:aws:secretsmanager:{ACCOUNT}:secret:mrq-AbCdEf"
TOKEN = "11111111-1111-1111-1111-111111111111"
STAGES = {TOKEN: ["AWSPENDING"], "0": ["AWSCURRENT"]}

ANSWERS: dict[str, Any] = {
    "ecs.DescribeServices": {"services": [{"status": "ACTIVE", "runningCount": 0, "desiredCount": 0}]},
    "ecs.ListServices": {"serviceArns": [f"arn:aws:ecs:{ACCOUNT}:service/mrq/workers"]},
    "lambda.GetFunction": {"Configuration": {"FunctionArn": FUNCTION, "Timeout": 300}},
    "lambda.GetAccountSettings": {"AccountLimit": {"UnreservedConcurrentExecutions": 100}},
    "scheduler.ListSchedules": {"Schedules": [{"Name": "mrq-old"}]},
    "secretsmanager.DescribeSecret": {"VersionIdsToStages": STAGES},
    "secretsmanager.GetSecretValue": {"SecretString": json.dumps({"username": "mrq", "password": "p"})},
    "secretsmanager.GetRandomPassword": {"RandomPassword": "new"},
    "elasticache.DescribeUsers": {"Users": [{"Status": "active"}]},
    "docdb.DescribeDBClusters": {"DBClusters": [{"Status": "available"}]},
}
NAMES = {"docdb": "rds", "lambda.Invoke": "lambda:InvokeFunction"}
"""Where IAM has other names than boto3."""

IMPLIED = {"scheduler:CreateSchedule": "iam:PassRole"}
"""What a call needs beside its own action."""

OF_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
             "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
             "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"}  # fmt: skip
"""What Lambda does with a function's role by itself."""

OF_DESTINATIONS = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}


class Recorder:
    """Every call of boto3, by service and operation. Nothing leaves this process."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def call(self, client: Any, operation: str, params: Any) -> Any:
        name = f"{client.meta.service_model.service_name}.{operation}"
        self.calls.append(name)
        if name == "secretsmanager.GetSecretValue" and params.get("VersionStage") == "AWSPENDING":
            raise client.exceptions.ResourceNotFoundException(
                {"Error": {"Code": "ResourceNotFoundException"}}, operation
            )
        if operation == "Invoke":
            return {"Payload": io.BytesIO(b"null")}
        return ANSWERS.get(name, {})

    def taken(self) -> set[str]:
        """The calls so far, as actions of IAM; they are forgotten."""
        actions = set()
        for name in self.calls:
            service, _, operation = name.partition(".")
            actions.add(NAMES.get(name) or f"{NAMES.get(service, service)}:{operation}")
        self.calls.clear()
        return actions | {IMPLIED[each] for each in actions if each in IMPLIED}


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    made = Recorder()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(
        botocore.client.BaseClient,
        "_make_api_call",
        lambda *given: made.call(*given),  # noqa: PLW0108 - bound
    )
    forget()
    yield made
    forget()


def forget() -> None:
    for cached in (aws.client, calling._client):
        cached.cache_clear()


# ---- what each function does


def of_the_dispatcher() -> None:
    sizing = {"queues": ["default"], "target": {"oldest_wait": 1}, "max_bursts": 3, "start_up": 1}
    with memory_app() as app:
        app.agents.put_group("g", {"sizing": sizing, "ecs": {"cluster": "mrq", "service": "workers"},
                                   "burst": {"function": "burst"}})  # fmt: skip
        app.enqueuer.enqueue("support.bursttasks.work", [{"key": f"k{n}"} for n in range(2000)], "default")
        told = dispatch(app, {}, FakeContext())
    assert told["failed"] == {}


def of_the_scheduler() -> None:
    tasks = [{"path": "support.bursttasks.work", "interval": 3600, "params": {"key": "k"}}]
    with memory_app(scheduler_tasks=tasks, eventbridge_role="role", eventbridge_group="g") as app:
        app.scheduler().sync(app.configured_schedules(), app.clock.now())
        assert mirror.mirror(app, FUNCTION) == {"made": 1, "deleted": 1}
    waking.lambda_waker("dispatcher")(["default"])


def of_a_burst() -> None:
    with memory_app() as app:
        assert continuation.continue_burst(app, orders_of({}, app.settings, "r"), 3, FUNCTION)


def of_the_dashboard() -> None:
    waking.lambda_waker("dispatcher")(["default"])


def rotated(monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    for name in ("ROTATED_DOCUMENTDB", "ROTATED_CACHE_USER", "ROTATED_ECS_CLUSTER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for step in rotation.STEPS:
        event = {"Step": step, "SecretId": SECRET, "ClientRequestToken": TOKEN}
        rotation.rotate(event, aws.client, lambda: 60.0, lambda _: None)


PATHS: dict[str, Callable[[], None]] = {
    "burst": of_a_burst,
    "dashboard": of_the_dashboard,
    "dispatcher": of_the_dispatcher,
    "scheduler": of_the_scheduler,
}


# ---- the tests


def allowed(resources: Resources, role: str) -> dict[str, list[Any]]:
    """What a role may do, and on what."""
    found: dict[str, list[Any]] = {}
    for statement in resources.statements(role):
        if statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                found.setdefault(action, []).extend(listed(statement["Resource"]))
    return found


@pytest.mark.parametrize("handler", PATHS)
def test_a_role_may_do_what_its_function_does_and_no_more(precise: Resources, recorder: Recorder, handler: str) -> None:
    PATHS[handler]()
    secretvalues.revealed(f"mongodb://mrq:$({SECRET}:password::)@host")
    needed = recorder.taken()
    may = set(allowed(precise, role_of(precise.function(handler)[1])))
    assert needed <= may
    assert may - needed - OF_LAMBDA - OF_DESTINATIONS == set()


@pytest.mark.parametrize("store", ["DOCUMENTDB", "CACHE_USER"])
def test_so_may_the_functions_that_rotate(
    of_size: Callable[[str], Resources], recorder: Recorder, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    standard = of_size("standard")
    variable = f"ROTATED_{store}"
    (function,) = [each for each in standard.of("Lambda::Function").values()
                   if variable in each.get("Environment", {}).get("Variables", {})]  # fmt: skip
    rotated(monkeypatch, **dict.fromkeys(function["Environment"]["Variables"], "name"))
    needed = recorder.taken()
    may = allowed(standard, role_of(function))
    assert needed <= set(may)
    assert set(may) - needed - OF_LAMBDA == set()
    assert "VpcConfig" not in function, "it needs no way into the VPC"


def test_the_resources_are_those_of_the_stack(precise: Resources) -> None:
    burst, dispatcher = (precise.function(name)[0] for name in ("burst", "dispatcher"))
    may = allowed(precise, role_of(precise.function("dispatcher")[1]))
    (service,) = precise.of("ECS::Service")
    assert {flat(each) for each in may["lambda:InvokeFunction"]} == {f"<{burst}.Arn>"}
    assert {flat(each) for each in may["ecs:UpdateService"]} == {f"<{service}>"}
    for handler in ("scheduler", "dashboard", "burst"):
        _, function = precise.function(handler)
        assert flat(function["Environment"]["Variables"]["MRQ_WAKE_UP"]) == f"lambda:<{dispatcher}>"
        may = allowed(precise, role_of(function))
        itself = {f"<{burst}.Arn>"} if handler == "burst" else set()
        assert {flat(each) for each in may["lambda:InvokeFunction"]} == {f"<{dispatcher}.Arn>"} | itself
    secrets = set(precise.of("SecretsManager::Secret"))
    for handler in PATHS:
        read = allowed(precise, role_of(precise.function(handler)[1]))["secretsmanager:GetSecretValue"]
        assert {each["Ref"] for each in read} <= secrets
        assert len(read) == (4 if handler == "dashboard" else 2)


def test_containers_may_protect_their_task_and_wake_the_dispatcher(of_size: Callable[[str], Resources]) -> None:
    standard = of_size("standard")
    task = standard.one("ECS::TaskDefinition")
    may = allowed(standard, task["TaskRoleArn"]["Fn::GetAtt"][0])
    assert set(may) == {"ecs:UpdateTaskProtection", "lambda:InvokeFunction"}
    dispatcher, _ = standard.function("dispatcher")
    assert [flat(each) for each in may["lambda:InvokeFunction"]] == [f"<{dispatcher}.Arn>"]
    (container,) = task["ContainerDefinitions"]
    variables = {each["Name"]: flat(each["Value"]) for each in container["Environment"]}
    assert variables["MRQ_WAKE_UP"] == f"lambda:<{dispatcher}>"
    may = allowed(standard, task["ExecutionRoleArn"]["Fn::GetAtt"][0])
    assert {each for each in may if each.startswith("secretsmanager:")} <= {
        "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"
    }  # fmt: skip
    assert all("*" not in listed(each) for name, each in may.items() if name != "ecr:GetAuthorizationToken")


def test_every_call_in_the_source_was_recorded(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new call of a client's method has to be made by one of the paths above."""
    for path in PATHS.values():
        path()
    secretvalues.fetch(SECRET)
    rotated(monkeypatch, ROTATED_DOCUMENTDB="name", ROTATED_ECS_CLUSTER="mrq")
    rotated(monkeypatch, ROTATED_CACHE_USER="name")
    recorded = {(name.partition(".")[0], xform_name(name.partition(".")[2])) for name in recorder.calls}
    services = {service for service, _ in recorded}
    named, called = in_the_source()
    assert named <= services, "a service whose calls nobody records"
    known = {method for service in services for method in boto3.client(service).meta.method_to_api_mapping}
    assert called & known == {method for _, method in recorded}


def in_the_source() -> tuple[set[str], set[str]]:
    """Services for which mrq_lambda makes clients; names of all methods that it calls, and of paginators."""
    named, called = set(), set()
    for path in Path(mrq_lambda.__file__).parent.glob("*.py"):
        text = path.read_text()
        named |= set(re.findall(r"\b_?clients?\(\s*\"([a-z]+)\"", text))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute):
                called.add(node.attr)
        called |= set(re.findall(r"get_paginator\(\"(\w+)\"\)", text))
    return named, called - {"get_paginator", "get_parameter", "get_secret"}


@pytest.mark.parametrize("to_the_second", [False, True])
def test_without_a_nat_gateway_every_service_that_is_called_has_an_endpoint(
    recorder: Recorder, dev_to_the_second: Resources, of_size: Callable[[str], Resources], to_the_second: bool
) -> None:
    dev = dev_to_the_second if to_the_second else of_size("dev")
    of_a_burst()
    secretvalues.fetch(SECRET)
    waking.lambda_waker("dispatcher")(["default"])
    if to_the_second:
        of_the_scheduler()
    services = {name.partition(".")[0] for name in recorder.calls}
    endpoints = {
        flat(each["ServiceName"]).rpartition(".")[2]
        for each in dev.of("EC2::VPCEndpoint").values()
        if each["VpcEndpointType"] == "Interface"
    }
    assert endpoints == services


@pytest.fixture(scope="module")
def precise(other_config: Callable[..., Resources]) -> Resources:
    """The standard size with recurring jobs to the second: every call is made there."""
    return other_config("standard", to_the_second=True)


@pytest.fixture(scope="module")
def dev_to_the_second(other_config: Callable[..., Resources]) -> Resources:
    return other_config("dev", to_the_second=True)


def test_the_recorder_would_notice(recorder: Recorder) -> None:
    boto3.client("ecs").describe_clusters()
    assert recorder.taken() == {"ecs:DescribeClusters"}
    with pytest.raises(ClientError):
        boto3.client("secretsmanager").get_secret_value(SecretId="s", VersionStage="AWSPENDING")
