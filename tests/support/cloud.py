"""AWS in memory (moto) with what worker groups need: functions that record how they are invoked, services of ECS."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

CLUSTER = "mrq"


@dataclass
class Cloud:
    """`invoked`: function, kind of invocation and event of each invocation. `on_invoke` is told events as they come."""

    invoked: list[tuple[str, str, Any]] = field(default_factory=list)
    on_invoke: Callable[[Any], None] = lambda event: None
    failing: set[str] = field(default_factory=set)
    account: int | None = None

    def __post_init__(self) -> None:
        self.ecs = boto3.client("ecs")
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.functions = boto3.client("lambda")
        trust = {"Version": "2012-10-17", "Statement": []}
        role = boto3.client("iam").create_role(RoleName="burst", AssumeRolePolicyDocument=json.dumps(trust))
        self._role = role["Role"]["Arn"]

    def plug(self, monkeypatch: pytest.MonkeyPatch) -> Cloud:
        """See what moto's Lambda is told. It knows no account settings: those are answered here."""
        from moto.awslambda_simple.models import LambdaSimpleBackend

        def invoke(_: Any, name: str, qualifier: Any, body: Any, headers: Any, answer: Any) -> bytes:
            name = name.rsplit(":", 1)[-1]
            if name in self.failing:
                raise RuntimeError(f"{name} is down")
            event = json.loads(body)
            self.invoked.append((name, headers["X-Amz-Invocation-Type"], event))
            self.on_invoke(event)
            return b"{}"

        monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)
        return self

    def function(self, name: str, timeout: int = 300, reserved: int | None = None) -> str:
        """Make a function; its ARN."""
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "")
        made = self.functions.create_function(
            FunctionName=name, Runtime="python3.11", Role=self._role, Handler="mrq_lambda.burst.handler",
            Code={"ZipFile": code.getvalue()}, Timeout=timeout,
        )  # fmt: skip
        if reserved is not None:
            self.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
        arn: str = made["FunctionArn"]
        return arn

    def service(self, name: str, desired: int = 0) -> None:
        """Make a service."""
        containers = [{"name": "worker", "image": "mrq", "memory": 512}]
        self.ecs.register_task_definition(family=name, containerDefinitions=containers)
        self.ecs.create_service(cluster=CLUSTER, serviceName=name, taskDefinition=name, desiredCount=desired)

    def desired(self, name: str) -> int:
        """How many tasks of a service there are to be."""
        (found,) = self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"]
        count: int = found["desiredCount"]
        return count

    def client(self, service: str) -> Any:
        """boto3's, as the dispatcher has it."""
        if service == "lambda":
            return _WithAccount(self.functions, self)
        return getattr(self, service, None) or boto3.client(service)


class _WithAccount:
    """moto knows no GetAccountSettings."""

    def __init__(self, functions: Any, cloud: Cloud) -> None:
        self._functions, self._cloud = functions, cloud

    def __getattr__(self, name: str) -> Any:
        return getattr(self._functions, name)

    def get_account_settings(self) -> dict[str, Any]:
        if self._cloud.account is None:
            from botocore.exceptions import ClientError

            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetAccountSettings")
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self._cloud.account}}
