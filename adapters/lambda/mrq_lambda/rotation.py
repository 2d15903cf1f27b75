"""Rotation of the passwords of DocumentDB and ElastiCache, as Secrets Manager asks for it, step by step.

A secret is JSON with `username` and `password`. Nothing here connects to a database: the services change passwords, and
say when they have. Valkey lets the old password in beside the new one until the next rotation. DocumentDB has one at a
time: bursts read the secret again when they are refused, and containers, which got the password at their start, are
replaced, their jobs finished or handed back.
"""

from __future__ import annotations

import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from mrq.exceptions import ConfigError, MrqError
from mrq_lambda.aws import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq_lambda.context import Context

log = logging.getLogger("mrq.lambda")

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
SETTLE, LOOK, MARGIN = 20.0, 5.0, 10.0
"""Seconds: until DocumentDB says that it changes a password, between two looks, and kept of the function's time."""
LENGTH = 32  # characters, without any that mean something in URLs
CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
CLUSTER, USER, ECS = "ROTATED_DOCUMENTDB", "ROTATED_CACHE_USER", "ROTATED_ECS_CLUSTER"
"""Variables: whose password the secret is (one of the first two), and whose services get it when they start."""


class NotRotatedError(MrqError):
    """A step can't be done yet, or not at all. Secrets Manager calls it again, and tells in CloudTrail and metrics."""


def handler(event: Any, context: Context) -> None:
    """One of the four steps of a rotation.

    Raises:
        ConfigError: the function's variables are wrong.
        NotRotatedError: the password isn't in force yet, a service of ECS wasn't started anew, or the event is none of
            Secrets Manager's.
        BotoCoreError, ClientError: a service refuses.
    """
    rotate(event, client, lambda: context.get_remaining_time_in_millis() / 1000 - MARGIN)


def rotate(
    event: Any,
    clients: Callable[[str], Any],
    left: Callable[[], float],
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """See `handler`. `clients`: boto3's, by service. `left`: seconds that it may still take."""
    try:
        step, arn, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    except (KeyError, TypeError):
        raise NotRotatedError("this is no step of a rotation: Step, SecretId and ClientRequestToken") from None
    if step not in STEPS:
        raise NotRotatedError(f"{step!r} is no step of a rotation; there are {', '.join(STEPS)}")
    stages = clients("secretsmanager").describe_secret(SecretId=arn)["VersionIdsToStages"]
    if CURRENT in stages.get(token, ()):
        log.info("%s: version %s is in force already", step, token)
        if step == "finishSecret":  # asked for again: not all services were started anew
            _restart(clients)
        return
    if PENDING not in stages.get(token, ()):
        raise NotRotatedError(f"{step}: version {token} of {arn} is not {PENDING}")
    if step == "createSecret":
        _create(clients, arn, token)
    elif step == "setSecret":
        _set(clients, arn, token)
    elif step == "testSecret":
        _test(clients, left, sleep)
    else:
        _finish(clients, arn, token)


def _create(clients: Callable[[str], Any], arn: str, token: str) -> None:
    secrets = clients("secretsmanager")
    try:
        secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage=PENDING)
    except secrets.exceptions.ResourceNotFoundException:
        now = _value(secrets, arn, VersionStage=CURRENT)
        new = secrets.get_random_password(PasswordLength=LENGTH, ExcludePunctuation=True)["RandomPassword"]
        text = json.dumps({**now, "password": new})
        secrets.put_secret_value(SecretId=arn, ClientRequestToken=token, SecretString=text, VersionStages=[PENDING])


def _set(clients: Callable[[str], Any], arn: str, token: str) -> None:
    secrets = clients("secretsmanager")
    old, new = (
        _value(secrets, arn, **which)["password"] for which in ({"VersionStage": CURRENT}, {"VersionId": token})
    )
    if user := os.environ.get(USER):
        clients("elasticache").modify_user(UserId=user, Passwords=[old, new])
        return
    clients("docdb").modify_db_cluster(DBClusterIdentifier=_cluster(), MasterUserPassword=new, ApplyImmediately=True)


def _test(clients: Callable[[str], Any], left: Callable[[], float], sleep: Callable[[float], object]) -> None:
    """Wait until the service says that the password is in force."""
    if not os.environ.get(USER):
        sleep(SETTLE)
    while (status := _status(clients)) not in ("active", "available"):
        if left() < LOOK:
            raise NotRotatedError(f"the new password is not in force yet: the service says {status!r}")
        sleep(LOOK)


def _status(clients: Callable[[str], Any]) -> str:
    if user := os.environ.get(USER):
        (found,) = clients("elasticache").describe_users(UserId=user)["Users"]
    else:
        (found,) = clients("docdb").describe_db_clusters(DBClusterIdentifier=_cluster())["DBClusters"]
    status: str = found["Status"]
    return status


def _finish(clients: Callable[[str], Any], arn: str, token: str) -> None:
    secrets = clients("secretsmanager")
    stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    (current,) = (version for version, names in stages.items() if CURRENT in names)
    secrets.update_secret_version_stage(
        SecretId=arn, VersionStage=CURRENT, MoveToVersionId=token, RemoveFromVersionId=current
    )
    _restart(clients)


def _restart(clients: Callable[[str], Any]) -> None:
    """Start the services of ECS anew, where containers need that for the new password."""
    cluster = os.environ.get(ECS)
    if not cluster or os.environ.get(USER):
        return
    ecs = clients("ecs")
    left = []
    for page in ecs.get_paginator("list_services").paginate(cluster=cluster):
        for service in page["serviceArns"]:
            try:
                ecs.update_service(cluster=cluster, service=service, forceNewDeployment=True)
            except (BotoCoreError, ClientError):
                log.exception("%s: the service can't be started anew", service)
                left.append(service)
    if left:
        raise NotRotatedError(f"the password is in force, and these services were not started anew: {', '.join(left)}")


def _cluster() -> str:
    name = os.environ.get(CLUSTER)
    if not name:
        raise ConfigError(f"set {CLUSTER} or {USER}: whose password the secret is")
    return name


def _value(secrets: Any, arn: str, **which: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(secrets.get_secret_value(SecretId=arn, **which)["SecretString"])
    return value
