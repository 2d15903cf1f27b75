"""Rotation of passwords: Secrets Manager by moto, the services whose passwords change by stand-ins that record."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mrq.exceptions import ConfigError
from mrq_lambda.rotation import NotRotatedError, rotate
from support.cloud import CLUSTER

TOKEN = "11111111-1111-1111-1111-111111111111"
CREATE, SET, TEST, FINISH = "createSecret", "setSecret", "testSecret", "finishSecret"


@dataclass
class Service:
    """ElastiCache and DocumentDB in one: what they were told, and the states that they answer with, one a question."""

    states: list[str]
    told: list[dict[str, Any]] = field(default_factory=list)

    def modify_user(self, **about: Any) -> None:
        self.told.append(about)

    modify_db_cluster = modify_user

    def describe_users(self, **_: Any) -> dict[str, Any]:
        return {"Users": [{"Status": self.states.pop(0)}]}

    def describe_db_clusters(self, **_: Any) -> dict[str, Any]:
        return {"DBClusters": [{"Status": self.states.pop(0)}]}


class Rotation:
    """A secret on its way to a new version."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.secrets = boto3.client("secretsmanager")
        value = json.dumps({"username": "mrq", "password": "first"})
        self.arn: str = self.secrets.create_secret(Name="data", SecretString=value)["ARN"]
        self.slept: list[float] = []
        self.ecs: Ecs | None = None

    def client(self, name: str) -> Any:
        if name == "ecs" and self.ecs is not None:
            return self.ecs
        return self.service if name in {"docdb", "elasticache"} else boto3.client(name)

    def step(self, step: str, left: float = 60.0) -> None:
        event = {"Step": step, "SecretId": self.arn, "ClientRequestToken": TOKEN}
        rotate(event, self.client, lambda: left - sum(self.slept), self.slept.append)

    def pending(self) -> None:
        """As Secrets Manager leaves it before the first step: moto needs a value for a version."""
        value = json.dumps({"username": "mrq", "password": "second"})
        self.secrets.put_secret_value(
            SecretId=self.arn, ClientRequestToken=TOKEN, SecretString=value, VersionStages=["AWSPENDING"]
        )

    def password(self, stage: str = "AWSCURRENT") -> Any:
        found = self.secrets.get_secret_value(SecretId=self.arn, VersionStage=stage)
        return json.loads(found["SecretString"])["password"]


@pytest.fixture
def rotation(aws: None) -> Rotation:
    return Rotation(Service([]))


def test_valkey_lets_both_passwords_in(rotation: Rotation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTATED_CACHE_USER", "mrq-user")
    rotation.pending()
    rotation.step(CREATE)
    rotation.step(SET)
    assert rotation.service.told == [{"UserId": "mrq-user", "Passwords": ["first", "second"]}]
    rotation.service.states = ["modifying", "active"]
    rotation.step(TEST)
    assert rotation.password() == "first"
    rotation.step(FINISH)
    assert (rotation.password(), rotation.password("AWSPREVIOUS")) == ("second", "first")
    rotation.step(SET)
    assert len(rotation.service.told) == 1, "what is in force already is not done again"


def test_documentdb_has_one_and_containers_are_replaced(rotation: Rotation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTATED_DOCUMENTDB", "mrq-data")
    monkeypatch.setenv("ROTATED_ECS_CLUSTER", CLUSTER)
    ecs = boto3.client("ecs")
    ecs.create_cluster(clusterName=CLUSTER)
    ecs.register_task_definition(family="w", containerDefinitions=[{"name": "w", "image": "mrq", "memory": 512}])
    made = ecs.create_service(cluster=CLUSTER, serviceName="w", taskDefinition="w", desiredCount=2)
    replaced: list[Any] = []
    events = boto3.DEFAULT_SESSION.events if boto3.DEFAULT_SESSION else pytest.fail("no session")
    events.register("before-parameter-build.ecs.UpdateService", lambda params, **_: replaced.append(dict(params)))
    rotation.pending()
    rotation.step(SET)
    assert rotation.service.told == [
        {"DBClusterIdentifier": "mrq-data", "MasterUserPassword": "second", "ApplyImmediately": True}
    ]
    rotation.service.states = ["resetting-master-credentials", "available"]
    rotation.step(TEST)
    rotation.step(FINISH)
    assert rotation.password() == "second"
    assert replaced == [{"cluster": CLUSTER, "service": made["service"]["serviceArn"], "forceNewDeployment": True}]


@dataclass
class Ecs:
    """Services of ECS, some of which can't be updated."""

    broken: set[str]
    updated: list[str] = field(default_factory=list)

    def get_paginator(self, _: str) -> Ecs:
        return self

    def paginate(self, **_: str) -> list[dict[str, list[str]]]:
        return [{"serviceArns": ["one", "two"]}, {"serviceArns": ["three"]}]

    def update_service(self, *, service: str, **_: Any) -> None:
        if service in self.broken:
            raise ClientError({"Error": {"Code": "ServiceNotActiveException", "Message": "x"}}, "UpdateService")
        self.updated.append(service)


def test_services_that_were_not_started_anew_are_when_the_step_is_asked_for_again(
    rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version is in force by then. One service's error doesn't keep the others waiting."""
    monkeypatch.setenv("ROTATED_DOCUMENTDB", "mrq-data")
    monkeypatch.setenv("ROTATED_ECS_CLUSTER", CLUSTER)
    rotation.ecs = Ecs({"one"})
    rotation.pending()
    with pytest.raises(NotRotatedError, match=r"were not started anew: one"):
        rotation.step(FINISH)
    assert (rotation.password(), rotation.ecs.updated) == ("second", ["two", "three"])
    rotation.ecs = Ecs(set())
    rotation.step(FINISH)
    assert rotation.ecs.updated == ["one", "two", "three"]
    rotation.step(TEST)
    assert len(rotation.ecs.updated) == 3


def test_a_password_that_does_not_get_into_force_is_asked_for_again(
    rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROTATED_DOCUMENTDB", "mrq-data")
    rotation.pending()
    rotation.service.states = ["resetting-master-credentials"] * 20
    with pytest.raises(NotRotatedError, match=r"'resetting-master-credentials'"):
        rotation.step(TEST)
    assert 25 <= sum(rotation.slept) <= 60


def test_a_new_password_keeps_what_else_is_in_the_secret(rotation: Rotation) -> None:
    stages = {"AWSPENDING": [TOKEN]}
    real = rotation.client

    class Described:
        """Secrets Manager names the version before it has a value; moto can't."""

        exceptions = rotation.secrets.exceptions

        def __getattr__(self, name: str) -> Any:
            return getattr(rotation.secrets, name)

        def describe_secret(self, **_: Any) -> dict[str, Any]:
            return {"VersionIdsToStages": {TOKEN: list(stages)}}

    rotate(
        {"Step": CREATE, "SecretId": rotation.arn, "ClientRequestToken": TOKEN},
        lambda name: Described() if name == "secretsmanager" else real(name),
        lambda: 60.0,
    )
    found = rotation.secrets.get_secret_value(SecretId=rotation.arn, VersionId=TOKEN)
    value = json.loads(found["SecretString"])
    assert value["username"] == "mrq"
    assert len(value["password"]) == 32
    assert value["password"].isalnum()


@pytest.mark.parametrize("event", [None, {}, {"Step": "other", "SecretId": "s", "ClientRequestToken": "t"}])
def test_other_events_change_nothing(rotation: Rotation, event: Any) -> None:
    with pytest.raises(NotRotatedError, match="no step of a rotation"):
        rotate(event, rotation.client, lambda: 60.0)


def test_a_version_that_nobody_began_is_refused(rotation: Rotation) -> None:
    with pytest.raises(NotRotatedError, match="is not AWSPENDING"):
        rotation.step(SET)


def test_whose_password_it_is_has_to_be_said(rotation: Rotation) -> None:
    rotation.pending()
    with pytest.raises(ConfigError, match="ROTATED_DOCUMENTDB or ROTATED_CACHE_USER"):
        rotation.step(SET)
