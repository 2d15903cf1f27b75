"""Bursts of a group: a Lambda function that drains its queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_destinations as destinations
from constructs import Construct

from mrq_cdk.functions import FunctionProps, MrqFunction
from mrq_cdk.letters import dead_letters
from mrq_cdk.reasons import acknowledge

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

    from mrq_cdk.functions import Surroundings
    from mrq_cdk.groups import GroupProps

KMS = ("GenerateDataKey", "ReEncrypt")


class MrqBurst(Construct):
    """The function. The dispatcher invokes it, or whoever may; an event that fails for good is kept in a queue for two
    weeks. Its jobs are not lost with it: they are in their own queues.

    Attributes:
        function, role: of Lambda and IAM. Give the role what your tasks need.
        dead_letters: where failed events go.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        group: GroupProps,
        around: Surroundings,
        wakes: lambda_.IFunction | None = None,
        dead_letters_to: sqs.IQueue | None = None,
        log_days: int = 30,
    ) -> None:
        """`wakes`: the dispatcher, invoked when what its jobs queue has no worker that listens.
        `dead_letters_to`: None: a queue of its own is made.

        Raises:
            ConfigError: the group has no `burst`.
        """
        super().__init__(scope, name)
        props = group.bursts
        self.dead_letters = dead_letters_to or dead_letters(self, around.key)
        made = MrqFunction(
            self,
            "Burst",
            handler="burst",
            about=f"bursts of {group.name}",
            props=FunctionProps(
                memory_mb=props.memory_mb,
                timeout=props.timeout,
                reserved_concurrency=props.most if props.reserved else None,
                architecture=props.architecture,
                log_days=log_days,
            ),
            around=around,
            environment={
                "MRQ_QUEUES": " ".join(group.queues),
                "MRQ_GREENLETS": str(props.concurrency),
                "MRQ_WORKER_GROUP": group.name,
            },
            on_failure=destinations.SqsDestination(self.dead_letters),
            retries=2,
            longest_wait=Duration.hours(1),
            wakes=wakes,
        )
        if around.key is not None:
            rules = [f"AwsSolutions-IAM5[Action::kms:{each}*]" for each in KMS]
            acknowledge(made.role, "KMS's names for kinds of one action, on MRQ's key alone, with which the failure "
                        "destination is encrypted.", *rules)  # fmt: skip
        self.function, self.role, self.security_group = made.function, made.role, made.security_group
        _may_call_itself(self)


def _may_call_itself(burst: MrqBurst) -> None:
    """By a policy of its own, since the function waits for its role's: that one can't name the function."""
    policy = iam.Policy(burst, "CallsItself")
    arn = burst.function.function_arn
    policy.add_statements(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[arn]))
    policy.attach_to_role(burst.role)
