"""Types of resources that moto's CloudFormation lacks: each is made by the call to moto that has the same shape, so
that it can be asked for through boto3 afterwards. Where moto has no such call either, the properties are kept here."""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from moto.core.common_models import CloudFormationModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Made = tuple[str, dict[str, str]]  # the physical id, which a Ref gives, and what GetAtt gives
    Make = Callable[["Aws", str, dict[str, Any]], Made]

KEPT: dict[str, dict[str, dict[str, Any]]] = {}
"""Properties of those that are only kept, by type and id."""

ACCOUNT, REGION = "123456789012", "eu-west-1"
LONGEST_NAME = 60  # of a schedule


@dataclass
class Aws:
    """boto3's clients of the server."""

    endpoint: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )  # fmt: skip
        return self._clients[service]

    def of(self, endpoint: str) -> None:
        """From now on."""
        self.endpoint = endpoint
        self._clients.clear()
        KEPT.clear()


AWS = Aws()


def _secret(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    how = given.get("GenerateSecretString", {})
    letters = string.ascii_letters + string.digits
    text: str = given.get("SecretString") or "".join(secrets.choice(letters) for _ in range(how["PasswordLength"]))
    if "GenerateStringKey" in how:
        text = json.dumps({**json.loads(how["SecretStringTemplate"]), how["GenerateStringKey"]: text})
    arn = aws["secretsmanager"].create_secret(Name=name, SecretString=text, Description=given["Description"])["ARN"]
    return arn, {"Id": arn}


def _cluster(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    name = _keep("AWS::DocDB::DBCluster", given["DBClusterIdentifier"], given)
    return name, {"Endpoint": f"{name}.cluster-abc.{REGION}.docdb.amazonaws.com", "Port": str(given["Port"])}


def _cache_user(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    # the password is a reference that CloudFormation resolves, and moto doesn't
    about = {key: given[key] for key in ("AccessString", "Engine", "UserId", "UserName")}
    aws["elasticache"].create_user(**{**about, "Engine": "redis"}, Passwords=["resolved-by-cloudformation"])
    return about["UserId"], {"Arn": f"arn:aws:elasticache:{REGION}:{ACCOUNT}:user:{about['UserId']}"}


def _cache(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    address = f"{given['ServerlessCacheName']}.serverless.euw1.cache.amazonaws.com"
    return _keep("AWS::ElastiCache::ServerlessCache", given["ServerlessCacheName"], given), {
        "Endpoint.Address": address, "Endpoint.Port": "6379",
    }  # fmt: skip


def _keep(kind: str, name: str, given: dict[str, Any]) -> str:
    KEPT.setdefault(kind, {})[name] = given
    return name


def _kept(kind: str, name_key: str = "") -> Make:
    return lambda aws, name, given: (_keep(kind, given.get(name_key, name), given), {})


def _alarm(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    name = given.get("AlarmName", name)
    aws["cloudwatch"].put_metric_alarm(**{**given, "AlarmName": name})
    return name, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"}


def _event_invoke(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    about = {key: value for key, value in given.items() if key != "Qualifier"}
    aws["lambda"].put_function_event_invoke_config(**about)
    return f"{given['FunctionName']}|$LATEST", {}


def _queue_policy(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    for url in given["Queues"]:
        policy = json.dumps(given["PolicyDocument"])
        aws["sqs"].set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return name, {}


def _topic_policy(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    for arn in given["Topics"]:
        policy = json.dumps(given["PolicyDocument"])
        aws["sns"].set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return name, {}


def _schedule(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    name = given.get("Name", name)[:LONGEST_NAME]
    known = {each["Name"] for each in aws["scheduler"].list_schedules()["Schedules"]}
    write = aws["scheduler"].update_schedule if name in known else aws["scheduler"].create_schedule
    write(**{**given, "Name": name})
    return name, {"Arn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}"}


def _gateway(part: str, identifier: str) -> Make:
    def make(aws: Aws, name: str, given: dict[str, Any]) -> Made:
        made = getattr(aws["apigatewayv2"], f"create_{part}")(**given)
        return made[identifier], {"ApiEndpoint": made.get("ApiEndpoint", ""), "ApiId": made.get("ApiId", "")}

    return make


def _egress(aws: Aws, name: str, given: dict[str, Any]) -> Made:
    permission: dict[str, Any] = {"IpProtocol": given["IpProtocol"]}
    permission |= {key: given[key] for key in ("FromPort", "ToPort") if key in given}
    if "DestinationSecurityGroupId" in given:
        permission["UserIdGroupPairs"] = [{"GroupId": given["DestinationSecurityGroupId"]}]
    else:
        permission["IpRanges"] = [{"CidrIp": given["CidrIp"]}]
    aws["ec2"].authorize_security_group_egress(GroupId=given["GroupId"], IpPermissions=[permission])
    return name, {}


KINDS: Mapping[str, tuple[Make, bool]] = {
    # how it is made, and whether making it again changes it
    "AWS::ApiGatewayV2::Api": (_gateway("api", "ApiId"), False),
    "AWS::ApiGatewayV2::Integration": (_gateway("integration", "IntegrationId"), False),
    "AWS::ApiGatewayV2::Route": (_gateway("route", "RouteId"), False),
    "AWS::ApiGatewayV2::Stage": (_gateway("stage", "StageName"), False),
    "AWS::CloudWatch::Alarm": (_alarm, True),
    "AWS::DocDB::DBCluster": (_cluster, True),
    "AWS::DocDB::DBClusterParameterGroup": (_kept("AWS::DocDB::DBClusterParameterGroup", "Name"), True),
    "AWS::DocDB::DBInstance": (_kept("AWS::DocDB::DBInstance", "DBInstanceIdentifier"), True),
    "AWS::DocDB::DBSubnetGroup": (_kept("AWS::DocDB::DBSubnetGroup"), True),
    "AWS::EC2::SecurityGroupEgress": (_egress, False),
    "AWS::ElastiCache::ServerlessCache": (_cache, True),
    "AWS::ElastiCache::User": (_cache_user, False),
    "AWS::ElastiCache::UserGroup": (_kept("AWS::ElastiCache::UserGroup", "UserGroupId"), True),
    "AWS::Lambda::EventInvokeConfig": (_event_invoke, True),
    "AWS::S3::BucketPolicy": (_kept("AWS::S3::BucketPolicy"), True),  # moto would heed it: it wants TLS
    "AWS::SNS::TopicPolicy": (_topic_policy, True),
    "AWS::SQS::QueuePolicy": (_queue_policy, True),
    "AWS::Scheduler::Schedule": (_schedule, True),
    "AWS::SecretsManager::RotationSchedule": (_kept("AWS::SecretsManager::RotationSchedule"), True),
    "AWS::SecretsManager::Secret": (_secret, False),
}


class Resource:
    """One that was made."""

    kind = ""
    make: Make
    again = False

    def __init__(self, identifier: str, attributes: dict[str, str], name: str) -> None:
        self.physical_resource_id = identifier
        self.name = name
        self._attributes = attributes

    @classmethod
    def cloudformation_type(cls) -> str:
        """For moto."""
        return cls.kind

    @staticmethod
    def cloudformation_name_type() -> str:
        """For moto: names are looked for by `make`."""
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """For moto."""
        return True

    def get_cfn_attribute(self, name: str) -> str:
        """For moto."""
        return self._attributes[name]

    def is_created(self) -> bool:
        """For moto."""
        return True

    def delete(self, account: str, region: str) -> None:
        """Nobody asks for what a stack has given up."""
        KEPT.get(self.kind, {}).pop(self.physical_resource_id, None)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], *about: Any, **more: Any
    ) -> Resource:
        """For moto."""
        properties = dict(cloudformation_json.get("Properties", {}))
        properties.pop("Tags", None)
        identifier, attributes = cls.make(AWS, resource_name, properties)
        return cls(identifier, attributes, resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Resource, new_resource_name: str, cloudformation_json: dict[str, Any], *about: Any,
        **more: Any,
    ) -> Resource:  # fmt: skip
        """For moto."""
        if not cls.again:
            raise NotImplementedError(f"{cls.kind} can't be changed in these tests")
        return cls.create_from_cloudformation_json(original_resource.name, cloudformation_json)


def teach_moto() -> None:
    """Define the types. moto finds them as subclasses, once it has been loaded."""
    from moto.cloudformation import parsing  # loads moto's own

    known = parsing.get_model_map()
    for kind, (make, again) in KINDS.items():
        if kind not in known:
            name = kind.replace("::", "")
            about = {"kind": kind, "make": staticmethod(make), "again": again}
            MADE.append(type(name, (Resource, CloudFormationModel), about))
    for remembered in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        remembered.cache_clear()


MADE: list[type] = []
"""Kept alive: moto looks for subclasses that there are."""
