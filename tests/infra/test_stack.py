"""What matters of the templates. cdk-nag has passed for each: the fixture fails otherwise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.templates import Resources, flat, listed, role_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # the CDK takes its time on a busy machine

KINDS = ("burst", "dispatcher", "scheduler", "dashboard")


def variables(function: dict[str, Any]) -> dict[str, str]:
    return {name: flat(value) for name, value in function["Environment"]["Variables"].items()}


def groups(function: dict[str, Any]) -> list[str]:
    return [each["Fn::GetAtt"][0] for each in function["VpcConfig"]["SecurityGroupIds"]]


# ---- data


def test_data_is_encrypted_and_only_spoken_to_over_tls(resources: Resources) -> None:
    cluster = resources.one("DocDB::DBCluster")
    assert cluster["StorageEncrypted"] is True
    assert cluster["EngineVersion"].startswith("5.0")
    assert resources.one("DocDB::DBClusterParameterGroup")["Parameters"]["tls"] == "enabled"
    assert "audit" in cluster["EnableCloudwatchLogsExports"]
    cache = resources.one("ElastiCache::ServerlessCache")  # encrypted and TLS only, always
    assert (cache["Engine"], cache["UserGroupId"]) == (
        "valkey",
        {"Ref": next(iter(resources.of("ElastiCache::UserGroup")))},
    )
    for kind in KINDS:
        _, function = resources.function(kind)
        urls = variables(function)
        assert urls["MRQ_REDIS"].startswith("rediss://mrq:$(<")
        assert "tls=true&tlsCAFile=/var/task/documentdb-ca.pem" in urls["MRQ_MONGODB_JOBS"]
        assert "retryWrites=false&authSource=admin" in urls["MRQ_MONGODB_JOBS"], "its user is none of the database mrq"


def test_names_and_passwords_are_references_to_secrets(resources: Resources) -> None:
    """What cdk-nag's DOC3 can't read."""
    cluster = resources.one("DocDB::DBCluster")
    user = resources.one("ElastiCache::User")
    for value in (cluster["MasterUserPassword"], cluster["MasterUsername"], user["AuthenticationMode"]["Passwords"][0]):
        assert flat(value).startswith("{{resolve:secretsmanager:<")


@pytest.mark.parametrize(
    ("size", "protected", "days"), [("dev", False, 1), ("standard", True, 7), ("large", True, 14)], indirect=["size"]
)
def test_from_standard_on_data_is_protected(
    resources: Resources, synthesized: Callable[[str], Path], size: str, protected: bool, days: int
) -> None:
    (name,) = resources.of("DocDB::DBCluster")
    cluster = resources.all[name]
    assert cluster["Properties"]["DeletionProtection"] is protected
    assert cluster["Properties"]["BackupRetentionPeriod"] == days
    assert cluster["DeletionPolicy"] == ("Snapshot" if protected else "Delete")
    (cache,) = resources.of("ElastiCache::ServerlessCache")
    assert resources.all[cache]["DeletionPolicy"] == "Delete", "it would keep subnets and security groups from going"
    assert resources.all[cache]["Properties"].get("FinalSnapshotName") == ("mrq-cache-final" if protected else None)
    assert ("SnapshotRetentionLimit" in resources.all[cache]["Properties"]) is protected
    stack = json.loads((synthesized(size).parent / "manifest.json").read_text())["artifacts"]["mrq"]
    assert stack["properties"].get("terminationProtection", False) is protected


def test_passwords_of_data_rotate(resources: Resources) -> None:
    schedules = resources.of("SecretsManager::RotationSchedule").values()
    rotated = {each["SecretId"]["Ref"] for each in schedules}
    cluster, user = resources.one("DocDB::DBCluster"), resources.one("ElastiCache::User")
    used = {flat(cluster["MasterUserPassword"]), flat(user["AuthenticationMode"]["Passwords"][0])}
    assert len(rotated) == 2
    assert all(any(f"<{secret}>" in text for text in used) for secret in rotated)
    assert {
        each["RotationRules"]["ScheduleExpression"]
        if "ScheduleExpression" in each["RotationRules"]
        else each["RotationRules"]["AutomaticallyAfterDays"]
        for each in schedules
    } == {30}


# ---- network


def test_nothing_has_a_public_address(resources: Resources) -> None:
    for service in resources.of("ECS::Service").values():
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    for subnet in resources.of("EC2::Subnet").values():
        assert subnet["MapPublicIpOnLaunch"] is False
    assert not resources.of("Lambda::Url")


def test_only_the_parts_that_talk_may(resources: Resources) -> None:
    """Who may connect to whom, all of it: workers and functions to the data, all to endpoints."""
    allowed = {
        (rule["SourceSecurityGroupId"]["Fn::GetAtt"][0], rule["GroupId"]["Fn::GetAtt"][0], rule["FromPort"])
        for rule in resources.of("EC2::SecurityGroupIngress").values()
    }
    for group in resources.of("EC2::SecurityGroup").values():
        assert "SecurityGroupIngress" not in group, "nobody is let in by address"
    clients = {group for kind in KINDS for group in groups(resources.function(kind)[1])}
    for service in resources.of("ECS::Service").values():
        found = service["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]
        clients |= {each["Fn::GetAtt"][0] for each in found}
    database = resources.one("DocDB::DBCluster")["VpcSecurityGroupIds"][0]["Fn::GetAtt"][0]
    cache = resources.one("ElastiCache::ServerlessCache")["SecurityGroupIds"][0]["Fn::GetAtt"][0]
    expected = {(client, database, 27017) for client in clients}
    expected |= {(client, cache, port) for client in clients for port in (6379, 6380)}  # 6380: what stands for replicas
    for endpoint in resources.of("EC2::VPCEndpoint").values():
        if endpoint["VpcEndpointType"] == "Interface":
            (group,) = endpoint["SecurityGroupIds"]
            expected |= {(client, group["Fn::GetAtt"][0], 443) for client in clients}
    assert allowed == expected


def test_dev_has_no_nat_gateway_and_no_containers(of_size: Callable[[str], Resources]) -> None:
    dev = of_size("dev")
    for kind in ("EC2::NatGateway", "EC2::InternetGateway", "ECS::Cluster", "ECS::Service"):
        assert not dev.of(kind)
    assert len(dev.of("DocDB::DBInstance")) == 1


@pytest.mark.parametrize(("size", "gateways", "instances"), [("standard", 1, 2), ("large", 2, 3)], indirect=["size"])
def test_sizes_differ(resources: Resources, gateways: int, instances: int) -> None:
    assert len(resources.of("EC2::NatGateway")) == gateways
    assert len(resources.of("DocDB::DBInstance")) == instances
    assert len(resources.of("ECS::Service")) == 1


# ---- functions and containers


def test_logs_are_forgotten(resources: Resources) -> None:
    found = resources.of("Logs::LogGroup")
    assert found
    assert all(each["RetentionInDays"] for each in found.values())
    for function in resources.of("Lambda::Function").values():
        assert function["LoggingConfig"]["LogGroup"]["Ref"] in found


def test_bursts_have_a_bound_and_a_place_for_what_fails(of_size: Callable[[str], Resources]) -> None:
    standard = of_size("standard")
    name, burst = standard.function("burst")
    assert burst["ReservedConcurrentExecutions"] == 50
    assert burst["Architectures"] == ["arm64"]
    (config,) = [
        each for each in standard.of("Lambda::EventInvokeConfig").values() if each["FunctionName"] == {"Ref": name}
    ]
    assert config["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0] in standard.of("SQS::Queue")


def test_the_dispatcher_gets_the_groups_each_minute(of_size: Callable[[str], Resources]) -> None:
    standard = of_size("standard")
    name, _ = standard.function("dispatcher")
    (schedule,) = [
        each for each in standard.of("Scheduler::Schedule").values() if flat(each["Target"]["Arn"]) == f"<{name}.Arn>"
    ]
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    event = json.loads(flat(schedule["Target"]["Input"]))
    group = event["groups"]["main"]
    (service,) = standard.of("ECS::Service")
    (cluster,) = standard.of("ECS::Cluster")
    assert group["ecs"] == {"cluster": f"<{cluster}>", "service": f"<{service}.Name>"}
    assert group["burst"]["function"] == f"<{standard.function('burst')[0]}>"
    assert (group["sizing"]["max_workers"], group["sizing"]["max_bursts"], group["sizing"]["queues"]) == (
        10,
        50,
        ["default"],
    )


def test_containers_stop_as_they_should(of_size: Callable[[str], Resources]) -> None:
    standard = of_size("standard")
    task = standard.one("ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert container["StopTimeout"] == 120
    assert container["LinuxParameters"]["InitProcessEnabled"] is True
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"
    assert task["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    assert container["Command"] == ["default", "--greenlets", "20"]
    service = standard.one("ECS::Service")
    assert "DesiredCount" not in service, "a deployment would undo what the dispatcher has decided"
    weights = {each["CapacityProvider"]: each["Weight"] for each in service["CapacityProviderStrategy"]}
    assert weights == {"FARGATE": 50, "FARGATE_SPOT": 50}
    assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_no_password_is_a_variable(resources: Resources) -> None:
    texts = [value for each in resources.of("Lambda::Function").values()
             for value in variables(each).values()]  # fmt: skip
    for task in resources.of("ECS::TaskDefinition").values():
        for container in task["ContainerDefinitions"]:
            texts += [flat(each["Value"]) for each in container["Environment"]]
            secrets = {each["Name"] for each in container["Secrets"]}
            named = {text.partition("$(")[2].partition(")")[0] for text in texts if "$(" in text and "arn" not in text}
            assert {name for name in named if name.startswith("MRQ_")} == secrets
    assert texts
    assert not [text for text in texts if "{{resolve" in text]


# ---- what people see


def test_the_dashboard_is_the_only_way_in(resources: Resources) -> None:
    assert resources.one("ApiGatewayV2::Api")["ProtocolType"] == "HTTP"
    stage = resources.one("ApiGatewayV2::Stage")
    assert stage["StageName"] == "$default"
    assert "AccessLogSettings" in stage
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 50
    _, function = resources.function("dashboard")
    assert variables(function)["MRQ_DASHBOARD_HTTPAUTH"].startswith("admin:$(<")
    assert function["Timeout"] < 30, "API Gateway waits no longer"


def test_alarms_reach_a_topic(resources: Resources) -> None:
    alarms = resources.of("CloudWatch::Alarm").values()
    about = " ".join(each["AlarmDescription"] for each in alarms)
    for what in ("oldest wait", "failed runs", "dead letters", "burst main errors", "dispatcher silent"):
        assert what in about
    topic = next(iter(resources.of("SNS::Topic")))
    assert all(each["AlarmActions"] == [{"Ref": topic}] for each in alarms)
    (statements,) = (each["PolicyDocument"]["Statement"] for each in resources.of("SNS::TopicPolicy").values())
    (let,) = (each for each in statements if each["Effect"] == "Allow")
    assert (let["Principal"], let["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert let["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert ("dead workers" in about) == bool(resources.of("ECS::Service"))


def test_every_star_has_a_reason(resources: Resources) -> None:
    """Statements on all resources are of actions that know no narrower ones, and no others."""
    without_resources = {
        "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
        "ecr:GetAuthorizationToken", "ecs:ListServices", "lambda:GetAccountSettings", "scheduler:ListSchedules",
        "secretsmanager:GetRandomPassword", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    }  # fmt: skip
    for policy in resources.of("IAM::Policy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = set(listed(statement["Action"]))
            assert not [action for action in actions if "*" in action]
            if "*" in listed(statement["Resource"]) and statement["Effect"] == "Allow":
                assert actions <= without_resources
    for role in resources.of("IAM::Role").values():
        assert "ManagedPolicyArns" not in role


def test_functions_may_not_use_the_rights_that_lambda_needs(resources: Resources) -> None:
    for kind in KINDS:
        _, function = resources.function(kind)
        denied = [each for each in resources.statements(role_of(function)) if each["Effect"] == "Deny"]
        assert "ec2:CreateNetworkInterface" in denied[0]["Action"]
        assert "lambda:SourceFunctionArn" in denied[0]["Condition"]["ArnLike"]


# ---- order


def after(resources: Resources, name: str) -> set[str]:
    """Kinds of what a resource waits for, as it says itself."""
    return {resources.all[each]["Type"].removeprefix("AWS::") for each in resources.all[name]["DependsOn"]}


@pytest.mark.parametrize("size", ["standard", "large"], indirect=True)
def test_containers_start_when_all_they_need_is_there(resources: Resources) -> None:
    """Else the first deployment rolls itself back: they end, and the circuit breaker trips."""
    (name,) = resources.of("ECS::Service")
    waits = set(resources.all[name]["DependsOn"])
    assert {"DocDB::DBCluster", "ElastiCache::ServerlessCache", "EC2::NatGateway"} <= after(resources, name)
    for kind in ("DocDB::DBInstance", "EC2::Route", "ECS::ClusterCapacityProviderAssociations"):
        assert resources.of(kind)
        assert set(resources.of(kind)) <= waits, kind
    (group,) = groups_of_service(resources)
    ways = {"EC2::SecurityGroupIngress": "SourceSecurityGroupId", "EC2::SecurityGroupEgress": "GroupId"}
    rules = {
        rule
        for kind, key in ways.items()
        for rule, about in resources.of(kind).items()
        if about[key]["Fn::GetAtt"][0] == group
    }  # fmt: skip
    assert rules
    assert rules <= waits
    execution = resources.one("ECS::TaskDefinition")["ExecutionRoleArn"]["Fn::GetAtt"][0]
    policies = {each for each, about in resources.of("IAM::Policy").items() if {"Ref": execution} in about["Roles"]}
    assert policies
    assert policies <= waits


def groups_of_service(resources: Resources) -> list[str]:
    found = resources.one("ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]
    return [each["Fn::GetAtt"][0] for each in found]


def test_schedules_begin_when_the_data_is_there(resources: Resources) -> None:
    schedules = resources.of("Scheduler::Schedule")
    assert len(schedules) == 2
    for name in schedules:
        assert set(resources.of("DocDB::DBInstance")) <= set(resources.all[name]["DependsOn"])
        assert {"ElastiCache::ServerlessCache", "EC2::Subnet", "IAM::Policy", "Lambda::Function"} <= after(
            resources, name
        )


def test_nothing_waits_for_itself(resources: Resources) -> None:
    """CloudFormation refuses a circle, and the CDK writes it."""
    waits = {name: set(listed(each.get("DependsOn", []))) | mentioned(each, set(resources.all))
             for name, each in resources.all.items()}  # fmt: skip
    while done := {name for name, needs in waits.items() if not needs & set(waits)}:
        waits = {name: needs for name, needs in waits.items() if name not in done}
    assert waits == {}


def mentioned(value: Any, names: set[str]) -> set[str]:
    """Resources that a part of a template refers to."""
    if isinstance(value, dict):
        ref, get = value.get("Ref"), value.get("Fn::GetAtt")
        found = {each for each in (ref, get[0] if get else None) if isinstance(each, str) and each in names}
        return found.union(*(mentioned(each, names) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(mentioned(each, names) for each in value))
    return set()
