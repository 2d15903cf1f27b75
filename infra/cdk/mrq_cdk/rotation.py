"""Passwords change by themselves: `mrq_lambda.rotation`, one function for each secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from mrq_cdk.functions import FunctionProps, MrqFunction
from mrq_cdk.reasons import ANY, acknowledge, finding

if TYPE_CHECKING:
    from aws_cdk import aws_ecs as ecs

    from mrq_cdk.functions import Surroundings
    from mrq_cdk.stores import Store

SECRET_ACTIONS = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
                  "secretsmanager:UpdateSecretVersionStage")  # fmt: skip


class MrqRotation(Construct):
    """The function of one secret, and the days after which it is called. It calls services of AWS alone, so it is
    outside of the VPC."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        store: Store,
        days: int,
        around: Surroundings,
        log_days: int = 30,
        ecs_cluster: ecs.ICluster | None = None,
    ) -> None:
        """`ecs_cluster`: its services are started anew where containers need that."""
        super().__init__(scope, name)
        about = store.rotation()
        cluster = ecs_cluster if about.restarts else None
        environment = {} if cluster is None else {"ROTATED_ECS_CLUSTER": cluster.cluster_name}
        made = MrqFunction(
            self, "Function", handler="rotation", about=f"rotates the password of {about.what}",
            props=FunctionProps(timeout=900, memory_mb=256, log_days=log_days), around=around, in_vpc=False,
            environment={**about.environment, **environment},
        )  # fmt: skip
        made.allow(*SECRET_ACTIONS, on=[store.secret.secret_arn])
        made.allow("secretsmanager:GetRandomPassword", on=["*"])
        acknowledge(made.role, "GetRandomPassword and ListServices know no resources.", ANY)
        made.allow(*about.actions, on=[about.arn])
        if around.key is not None:
            made.allow("kms:Decrypt", "kms:GenerateDataKey", on=[around.key.key_arn])
        if cluster is not None:
            _may_restart(made, cluster)
        permission = lambda_.CfnPermission(
            self, "Permission", action="lambda:InvokeFunction", function_name=made.function.function_arn,
            principal="secretsmanager.amazonaws.com", source_arn=store.secret.secret_arn, source_account=Aws.ACCOUNT_ID,
        )  # fmt: skip
        schedule = secretsmanager.CfnRotationSchedule(
            self, "Schedule", secret_id=store.secret.secret_arn, rotation_lambda_arn=made.function.function_arn,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(automatically_after_days=days),
            rotate_immediately_on_update=False,
        )  # fmt: skip
        schedule.add_resource_dependency(permission)
        schedule.node.add_dependency(store)


def _may_restart(made: MrqFunction, cluster: ecs.ICluster) -> None:
    services = Stack.of(made).format_arn(service="ecs", resource="service", resource_name=f"{cluster.cluster_name}/*")
    made.allow("ecs:UpdateService", on=[services])
    acknowledge(made.role, "All services of MRQ's own cluster, whatever their names.", finding(made, services))
    made.role.add_to_policy(
        iam.PolicyStatement(
            actions=["ecs:ListServices"],
            resources=["*"],  # it knows no resources, but the cluster as a condition
            conditions={"ArnEquals": {"ecs:cluster": cluster.cluster_arn}},
        )
    )
