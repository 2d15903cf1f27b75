"""A Lambda function of MRQ, with what all of them have: a role of its own that may do just what is named, a log group
that forgets, tracing, and the database's addresses in its environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from mrq.domain.plain import check_number
from mrq.domain.prices import Architecture
from mrq_cdk.checks import RETENTION, check_choice
from mrq_cdk.network import retention
from mrq_cdk.reasons import ANY, acknowledge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_kms as kms

    from mrq_cdk.bundle import Bundles
    from mrq_cdk.data import Connections
    from mrq_cdk.network import MrqNetwork

ARCHITECTURES = {Architecture.ARM: lambda_.Architecture.ARM_64, Architecture.X86: lambda_.Architecture.X86_64}

NETWORK_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)

NO_LETTERS = (
    "Bursts have a failure destination, which says more than a dead-letter queue. What other functions leave undone, "
    "their next invocation does; what EventBridge can't deliver to them goes to the schedule's dead-letter queue."
)


@dataclass(frozen=True, slots=True)
class FunctionProps:
    """How a function is run.

    Args:
        memory_mb: processor power grows with it; 1,769 MB are a whole processor.
        timeout: seconds, at most 900.
        reserved_concurrency: so many of it may run at once, and never more; None: what the account has left.
        architecture: arm, which is cheaper, or x86.
        log_days: how long its logs are kept.
        environment: more variables, such as MRQ_... settings.
    """

    memory_mb: int = 512
    timeout: int = 60
    reserved_concurrency: int | None = None
    architecture: Architecture = Architecture.ARM
    log_days: int = 30
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_number("memory_mb", self.memory_mb, 128, 10_240, whole=True)
        check_number("timeout", self.timeout, 1, 900, whole=True)
        if self.reserved_concurrency is not None:
            check_number("reserved_concurrency", self.reserved_concurrency, 1, 100_000, whole=True)
        check_choice("architecture", self.architecture, list(Architecture))
        check_choice("log_days", self.log_days, RETENTION)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What functions and containers have in common: where they run, what they reach, and their code."""

    network: MrqNetwork
    connections: Connections
    bundles: Bundles
    key: kms.IKey | None = None

    def first(self, construct: Construct) -> None:
        """Have the network and the data ready before something that works is made, and there until it is gone."""
        construct.node.add_dependency(*self.network.ready, *self.connections.ready())


class MrqFunction(Construct):
    """Attributes: function, role, and the security group (None: it is outside of the VPC)."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        handler: str,
        about: str,
        props: FunctionProps,
        around: Surroundings,
        in_vpc: bool = True,
        environment: Mapping[str, str] | None = None,
        on_failure: lambda_.IDestination | None = None,
        retries: int | None = None,
        longest_wait: Duration | None = None,
        wakes: lambda_.IFunction | None = None,
    ) -> None:
        """`handler`: the module of mrq_lambda whose handler it is. `about`: what it does, for people who see it in the
        console. `on_failure`, `retries`, `longest_wait`: of asynchronous events. `wakes`: the dispatcher, invoked when
        what was queued has no worker that listens."""
        super().__init__(scope, name)
        group = logs.LogGroup(self, "Logs", retention=retention(props.log_days), encryption_key=around.key,
                              removal_policy=RemovalPolicy.DESTROY)  # fmt: skip
        self.role = _role(self, group, about, in_vpc=in_vpc)
        self.security_group = around.network.group(self, f"MRQ {about}") if in_vpc else None
        variables = {**(around.connections.lambda_environment() if in_vpc else {}), **waking(wakes),
                     **(environment or {}), **props.environment}  # fmt: skip
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"MRQ: {about}",
            runtime=around.bundles.runtime,
            architecture=ARCHITECTURES[props.architecture],
            handler=f"mrq_lambda.{handler}.handler",
            code=around.bundles.code(self, handler, props.architecture),
            memory_size=props.memory_mb,
            timeout=Duration.seconds(props.timeout),
            reserved_concurrent_executions=props.reserved_concurrency,
            role=self.role,
            log_group=group,
            environment=variables,
            environment_encryption=around.key,
            tracing=lambda_.Tracing.ACTIVE,
            vpc=around.network.vpc if in_vpc else None,
            vpc_subnets=around.network.subnets if in_vpc else None,
            security_groups=None if self.security_group is None else [self.security_group],
            on_failure=on_failure,
            retry_attempts=retries,
            max_event_age=longest_wait,
        )
        if self.security_group is not None:
            around.connections.let_in(self.security_group)
            around.connections.grant_read(self.role)
        if wakes is not None:
            self.allow("lambda:InvokeFunction", on=[wakes.function_arn])
        around.bundles.explain(self.function)
        _explain(self.function)

    def allow(self, *actions: str, on: list[str]) -> None:
        """Let it do this."""
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=on))


def waking(dispatcher: lambda_.IFunction | None) -> dict[str, str]:
    """The variable that has producers wake it."""
    return {} if dispatcher is None else {"MRQ_WAKE_UP": f"lambda:{dispatcher.function_name}"}


def _role(scope: Construct, group: logs.LogGroup, about: str, *, in_vpc: bool) -> iam.Role:
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=f"MRQ: {about}")
    role.add_to_policy(
        iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[group.log_group_arn])
    )
    acknowledge(
        role,
        "What Lambda does with its network interfaces, and X-Ray, know no resources. The function's code is denied the "
        "first.",
        ANY,
    )
    if in_vpc:
        role.add_to_policy(iam.PolicyStatement(actions=list(NETWORK_ACTIONS), resources=["*"]))
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: Lambda needs it, the code doesn't
        role.add_to_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                actions=list(NETWORK_ACTIONS),
                resources=["*"],
                conditions={"ArnLike": {"lambda:SourceFunctionArn": "arn:*:lambda:*:*:function:*"}},
            )
        )
    return role


def _explain(function: lambda_.Function) -> None:
    acknowledge(function, "Its version of Python is chosen: that which the libraries are locked for, which compiled "
                "the code in its zip.", "AwsSolutions-L1", "Serverless-LambdaLatestVersion")  # fmt: skip
    acknowledge(function, NO_LETTERS, "Serverless-LambdaDLQ", "Serverless-LambdaAsyncFailureDestination")
