"""Container workers of a group: a service of ECS on Fargate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from mrq.domain.prices import Architecture
from mrq_cdk.functions import waking
from mrq_cdk.network import retention
from mrq_cdk.reasons import ANY, acknowledge, finding

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from mrq_cdk.functions import Surroundings
    from mrq_cdk.groups import GroupProps, WorkersProps
    from mrq_cdk.image import Images

STOP = 120
"""Seconds from ECS's signal until it kills: the most there is. The image's MRQ_STOP_TIMEOUT is below."""

CPUS = {Architecture.ARM: ecs.CpuArchitecture.ARM64, Architecture.X86: ecs.CpuArchitecture.X86_64}


class MrqWorkers(Construct):
    """The containers of a group. Their tasks may run on Spot in part; a task that runs a long job asks to be spared.

    Attributes:
        service: the service of ECS, sized by the dispatcher unless `autoscaling` is set.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        group: GroupProps,
        cluster: ecs.ICluster,
        images: Images,
        around: Surroundings,
        wakes: lambda_.IFunction | None = None,
        namespace: str = "MRQ",
    ) -> None:
        """`wakes`: the dispatcher, invoked when what its jobs queue has no worker that listens.
        `namespace`: of the metrics in CloudWatch, as the dispatcher writes them.

        Raises:
            ConfigError: the group has no `workers`.
        """
        super().__init__(scope, name)
        props = group.containers
        self.task = self._task(props, cluster, around)
        self._container(group, props, images, around, wakes)
        self.security_group = around.network.group(self, f"MRQ workers of {group.name}")
        around.connections.let_in(self.security_group)
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=self.task,
            desired_count=None,  # a deployment doesn't undo what sizes it
            capacity_provider_strategies=_strategies(props),
            vpc_subnets=around.network.subnets,
            security_groups=[self.security_group],
            assign_public_ip=False,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        if props.autoscaling:
            self._autoscaling(group, props, namespace)
        self._after(cluster, around)

    def _after(self, cluster: ecs.ICluster, around: Surroundings) -> None:
        """Containers start with the service. Where the database, a route or a right is missing then, they end, and the
        circuit breaker undoes the whole deployment. The cluster is named for its capacity providers, which may
        neither come later than a service that uses them nor go earlier."""
        around.first(self.service)
        self.service.node.add_dependency(self.task.obtain_execution_role(), self.security_group, cluster)

    def _task(self, props: WorkersProps, cluster: ecs.ICluster, around: Surroundings) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self, "Task", cpu=props.cpu, memory_limit_mib=props.memory_mb,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=CPUS[props.architecture], operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )  # fmt: skip
        tasks = Stack.of(self).format_arn(service="ecs", resource="task", resource_name=f"{cluster.cluster_name}/*")
        task.add_to_task_role_policy(iam.PolicyStatement(actions=["ecs:UpdateTaskProtection"], resources=[tasks]))
        acknowledge(task.task_role, "A task's ARN is not known before it runs; all are of MRQ's own cluster.",
                    finding(self, tasks))  # fmt: skip
        acknowledge(task, "No secret is among the variables: those come from Secrets Manager.", "AwsSolutions-ECS2")
        acknowledge(task.obtain_execution_role(), "GetAuthorizationToken of ECR knows no resources.", ANY)
        if around.key is not None:
            around.key.grant_decrypt(task.obtain_execution_role())
        return task

    def _container(
        self, group: GroupProps, props: WorkersProps, images: Images, around: Surroundings,
        wakes: lambda_.IFunction | None,
    ) -> None:  # fmt: skip
        log = logs.LogGroup(self, "Logs", retention=retention(props.log_days), encryption_key=around.key,
                            removal_policy=RemovalPolicy.DESTROY)  # fmt: skip
        linux = ecs.LinuxParameters(self, "Linux", init_process_enabled=True)
        linux.drop_capabilities(ecs.Capability.ALL)
        self.task.add_container(
            "worker",
            image=images.of(self, props.architecture),
            command=[*group.queues, "--greenlets", str(props.greenlets), *props.arguments],
            environment={
                **around.connections.container_environment(),
                **waking(wakes),
                "MRQ_EMF": "1",
                "MRQ_WORKER_GROUP": group.name,
            },
            secrets=around.connections.container_secrets(),
            linux_parameters=linux,
            logging=ecs.LogDrivers.aws_logs(stream_prefix=group.name, log_group=log),
            stop_timeout=Duration.seconds(STOP),
            essential=True,
        )
        if wakes is not None:
            self.task.add_to_task_role_policy(
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[wakes.function_arn])
            )

    def _autoscaling(self, group: GroupProps, props: WorkersProps, namespace: str) -> None:
        target = self.service.auto_scale_task_count(min_capacity=max(1, props.least), max_capacity=props.most)
        target.scale_to_track_custom_metric(
            "Backlog",
            metric=cloudwatch.Metric(
                namespace=namespace, metric_name="BacklogPerWorker", dimensions_map={"WorkerGroup": group.name},
                statistic="Average", period=Duration.minutes(1),
            ),
            target_value=props.backlog_per_worker,
            scale_in_cooldown=Duration.minutes(5),
            scale_out_cooldown=Duration.minutes(1),
        )  # fmt: skip


def _strategies(props: WorkersProps) -> list[ecs.CapacityProviderStrategy]:
    """Shares in hundredths, as ECS wants whole weights."""
    spot = round(props.spot_share * 100)
    shares = {"FARGATE": 100 - spot, "FARGATE_SPOT": spot}
    return [
        ecs.CapacityProviderStrategy(capacity_provider=name, weight=share) for name, share in shares.items() if share
    ]
